"""A rollout in which nothing leaves the device: environments that step on tensors."""

import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import torch
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from .finite import check_rollout
from .rollout_step import RolloutStep
from .sequence_buffer import SequenceBuffer

if TYPE_CHECKING:
    from .recurrent_ppo import RecurrentPPO


TensorVecEnv: TypeAlias = Any  # warmrl.envs.TensorVecEnv, or what steps as it does


class _Kept(NamedTuple):
    """What is looked at when the rollout is over, of every step [T, N, ...]."""

    done: Tensor
    truncated: Tensor
    success: Tensor
    returns: Tensor
    lengths: Tensor
    last_observation: Tensor
    h: Tensor  # of the critic, after the step [T, layers, N, H]
    c: Tensor


def steps_on_device(env: VecEnv, policy: Any) -> bool:
    """Whether :func:`collect_tensors` can collect what a policy does in environments.

    They step on tensors themselves, with ``step_tensors``: a wrapper around them would be left out.
    """
    own = hasattr(type(env), "step_tensors")
    return own and RolloutStep.fits(policy) and getattr(env, "device", None) == policy.device


def collect_tensors(
    model: "RecurrentPPO",
    env: TensorVecEnv,
    callback: BaseCallback,
    buffer: SequenceBuffer,
    n_rollout_steps: int,
) -> bool:
    """Fill the buffer with steps of every environment, as ``collect_rollouts`` does.

    The host waits for the device once, when all steps are taken, unless a callback looks at what it
    is shown: its locals have the names of sb3-contrib's loop, but they are tensors, and there are
    no ``infos``. Episodes that ended are counted when the rollout is over.

    :return: whether the rollout is complete; not so if a callback stopped it
    """
    kept = _allocate(model, env, n_rollout_steps)
    act = RolloutStep(model.policy)
    obs = torch.as_tensor(model._last_obs, device=env.device)
    starts = first = torch.as_tensor(model._last_episode_starts, device=env.device)
    lstm_states: RNNStates = model._last_lstm_states
    for n_steps in range(n_rollout_steps):
        if act.outdated:
            act = RolloutStep(model.policy)
        with torch.no_grad():
            obs_tensor, episode_starts = obs, starts.float()
            actions, values, log_probs, lstm_states = act(obs_tensor, lstm_states, episode_starts)
        clipped_actions = actions
        step = env.step_tensors(clipped_actions)
        model.num_timesteps += env.num_envs
        new_obs, rewards, dones = step.observation, step.reward, step.done
        callback.update_locals(locals())
        if not callback.on_step():
            return False
        now = (dones, step.truncated, step.success, step.returns, step.lengths)
        for field, value in zip(kept, (*now, step.last_observation, *lstm_states.vf), strict=True):
            field[n_steps].copy_(value)
        buffer.add(obs, actions, rewards * model.reward_scale, None, values, log_probs)
        obs, starts = new_obs, dones
        model._last_obs, model._last_episode_starts = obs, starts
        model._last_lstm_states = lstm_states

    keep = (~starts).float()[:, None]
    h, c = (keep * part for part in lstm_states.vf)
    last_values = act.values(obs, (h, c))
    t_cut, n_cut = kept.truncated.nonzero(as_tuple=True)
    if len(t_cut):
        state = tuple(part[t_cut, :, n_cut].transpose(0, 1) for part in (kept.h, kept.c))
        after = act.values(kept.last_observation[t_cut, n_cut], (state[0], state[1]))
        buffer.pay(t_cut, n_cut, model.gamma * after.flatten())
    buffer.start_episodes(torch.cat((first[None], kept.done[:-1])).cpu().numpy())
    buffer.compute_returns_and_advantage(last_values, starts.cpu().numpy())
    check_rollout(buffer.played, lstm_states, model.num_timesteps)
    _count_episodes(model, kept)
    callback.update_locals(locals())
    callback.on_rollout_end()
    return True


def _allocate(model: "RecurrentPPO", env: TensorVecEnv, n_steps: int) -> _Kept:
    size, device = (n_steps, env.num_envs), env.device
    done, truncated, success = torch.zeros(3, *size, dtype=torch.bool, device=device)
    shape = env.observation_space.shape or ()
    h, c = (torch.zeros(n_steps, *part.shape, device=device) for part in model._last_lstm_states.vf)
    return _Kept(
        done=done,
        truncated=truncated,
        success=success,
        returns=torch.zeros(size, device=device),
        lengths=torch.zeros(size, dtype=torch.int64, device=device),
        last_observation=torch.zeros(*size, *shape, device=device),
        h=h,
        c=c,
    )


def _count_episodes(model: "RecurrentPPO", kept: _Kept) -> None:
    """Those that ended, in the order of time, as SB3 counts them."""
    ended = kept.done.nonzero(as_tuple=True)
    seconds = round((time.time_ns() - model.start_time) / 1e9, 6)
    numbers = (part[ended].tolist() for part in (kept.returns, kept.lengths, kept.success))
    infos = [
        {"episode": {"r": round(r, 6), "l": length, "t": seconds}, "is_success": success}
        for r, length, success in zip(*numbers, strict=True)
    ]
    model._update_info_buffer(infos, np.ones(len(infos), dtype=np.bool_))

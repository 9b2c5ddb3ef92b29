"""Recurrent PPO on whole sequences: a one-import replacement of sb3-contrib's."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import sb3_contrib
import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.utils import explained_variance, obs_as_tensor
from stable_baselines3.common.vec_env import VecEnv

from ..checks import check_integer, check_number, check_positive
from .finite import (
    NotFiniteError,
    broken_gradient,
    check_finite,
    check_rollout,
    named_distribution,
)
from .kernels import limited_threads
from .layers import State
from .overrides import upstream_sequences
from .policies import CnnRnnPolicy, MlpRnnPolicy, MultiInputRnnPolicy, check_starts
from .ppo_loss import Losses, PPOLoss
from .rollout_step import RolloutStep
from .sequence_buffer import Minibatch, SequenceBuffer
from .tensor_rollout import collect_tensors, steps_on_device

PIECE_SIZE = 2**21
"""hidden states of an update in memory at once, on a CPU"""


class RecurrentPPO(sb3_contrib.RecurrentPPO):
    """Proximal policy optimisation for recurrent policies, on whole sequences.

    Arguments, callbacks, logger, ``save`` and ``load`` are those of ``sb3_contrib.RecurrentPPO``,
    and so is the loss. What differs: a minibatch is about ``batch_size`` steps, in whole sequences,
    run by one call of the recurrent network, so gradients reach back to the start of the episode or
    of the rollout; and truncated episodes are bootstrapped together rather than one by one.

    :param reward_scale: factor on the rewards that are learned from (observations and statistics
        keep the environment's); large returns otherwise let the value loss drown the policy's
    :raises ValueError: if a setting is out of its range, or a rollout is a single step whose
        advantage cannot be normalised
    :raises TypeError: if a setting is of another type
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        **sb3_contrib.RecurrentPPO.policy_aliases,
        "MlpRnnPolicy": MlpRnnPolicy,
        "CnnRnnPolicy": CnnRnnPolicy,
        "MultiInputRnnPolicy": MultiInputRnnPolicy,
    }
    rollout_buffer: SequenceBuffer
    _last_obs: Any
    _last_episode_starts: Any
    _last_lstm_states: Any

    def __init__(self, *args: Any, reward_scale: float = 1.0, **kwargs: Any) -> None:
        self.reward_scale = check_positive("reward_scale", reward_scale)
        super().__init__(*args, **kwargs)

    def _setup_model(self) -> None:
        if getattr(self, "action_space", None) is None:
            raise ValueError("env=None must be an environment, or the id of one")
        self._check_settings()
        check_starts("action_space", self.action_space)
        if self.normalize_advantage and self.n_steps * self.n_envs == 1:
            raise ValueError(
                "n_steps=1 with one environment gives a single advantage, which cannot be "
                "normalised; use more steps or normalize_advantage=False"
            )
        super()._setup_model()
        self.rollout_buffer = SequenceBuffer(
            self.n_steps,
            self.observation_space,
            self.action_space,
            self.device,
            gamma=self.gamma,
            gae_lambda=self.gae_lambda,
            n_envs=self.n_envs,
            seed=self.seed,
            packed=isinstance(self.policy, MlpRnnPolicy),
        )

    def _check_settings(self) -> None:
        for name in ("n_steps", "n_epochs", "batch_size"):
            if name != "batch_size" or self.batch_size is not None:
                check_integer(name, getattr(self, name), 1)
        for name in ("gamma", "gae_lambda"):
            check_number(name, getattr(self, name), 0, 1)
        for name in ("ent_coef", "vf_coef"):
            check_number(name, getattr(self, name))
        if not callable(self.learning_rate):
            check_number("learning_rate", self.learning_rate, 0)
        if self.max_grad_norm != float("inf"):
            check_positive("max_grad_norm", self.max_grad_norm)
        if not callable(self.clip_range):
            check_positive("clip_range", self.clip_range)
        if self.seed is not None:
            check_integer("seed", self.seed, 0)

    def learn(self, total_timesteps: int, *args: Any, **kwargs: Any) -> Any:
        """Train as sb3-contrib's does; threads of compiled loops are limited once for all.

        :raises ValueError: for a negative number of steps
        """
        if not total_timesteps >= 0:
            raise ValueError(f"total_timesteps={total_timesteps!r} must be at least 0")
        with limited_threads():
            return super().learn(total_timesteps, *args, **kwargs)

    def collect_rollouts(
        self,
        env: VecEnv,
        callback: BaseCallback,
        rollout_buffer: SequenceBuffer,
        n_rollout_steps: int,
    ) -> bool:
        """Fill the buffer with ``n_rollout_steps`` steps of every environment.

        :param env: the training environments
        :param callback: called after every step, and around the rollout
        :param rollout_buffer: the buffer to fill
        :param n_rollout_steps: steps per environment
        :return: whether the rollout is complete; not so if a callback stopped it
        :raises NotFiniteError: on a NaN or infinite observation, reward, value, log-probability or
            recurrent state
        """
        if not isinstance(rollout_buffer, SequenceBuffer):
            raise TypeError(
                f"rollout_buffer={type(rollout_buffer).__name__} must be a SequenceBuffer, which "
                "keeps sequences whole"
            )
        if self._last_obs is None:
            raise ValueError("there is no last observation; call learn()")
        self.policy.set_training_mode(False)
        rollout_buffer.reset()
        rollout_buffer.upstream_route = not upstream_sequences(self.policy)
        rollout_buffer.start(self._last_lstm_states)
        if steps_on_device(env, self.policy):
            callback.on_rollout_start()
            return collect_tensors(self, env, callback, rollout_buffer, n_rollout_steps)
        check_finite("observation", self._last_obs, self.num_timesteps)
        if self.use_sde:
            self.policy.reset_noise(env.num_envs)
        callback.on_rollout_start()
        dones = np.asarray(self._last_episode_starts, dtype=np.bool_)
        fast = RolloutStep(self.policy) if RolloutStep.fits(self.policy) else None
        for n_steps in range(n_rollout_steps):
            if self.use_sde and self.sde_sample_freq > 0 and n_steps % self.sde_sample_freq == 0:
                self.policy.reset_noise(env.num_envs)
            obs_tensor = obs_as_tensor(self._last_obs, self.device)
            episode_starts = torch.from_numpy(dones.astype(np.float32)).to(self.device)
            act = self._act if fast is None else fast
            action_tensor, values, log_probs, lstm_states = act(
                obs_tensor, self._last_lstm_states, episode_starts
            )
            actions = action_tensor.cpu().numpy()
            clipped_actions = self._performed(actions)
            new_obs, rewards, dones, infos = env.step(clipped_actions)
            rewards = _numbers(rewards, np.float32, "f", env.num_envs)
            dones = _numbers(dones, np.bool_, "b", env.num_envs)
            self.num_timesteps += env.num_envs
            check_finite("reward", rewards, self.num_timesteps)
            check_finite("observation", new_obs, self.num_timesteps)

            # Callbacks find the names, the types and the arrays of sb3-contrib's loop.
            callback.update_locals(locals())
            if not callback.on_step():
                return False
            if fast is not None and fast.outdated:
                fast = RolloutStep(self.policy) if RolloutStep.fits(self.policy) else None
            self._count_episodes(infos, dones)
            ended = np.flatnonzero(dones).tolist()
            for i in ended:
                last = infos[i].get("terminal_observation")
                check_finite("observation", last, self.num_timesteps, i)
            targets = torch.from_numpy(rewards * self.reward_scale).to(self.device, torch.float32)
            truncated = [
                i
                for i in ended
                if infos[i].get("TimeLimit.truncated", False)
                and infos[i].get("terminal_observation") is not None
            ]
            if truncated:
                last_obs = self._batch([infos[i]["terminal_observation"] for i in truncated])
                h, c = (part[:, truncated].contiguous() for part in lstm_states.vf)
                no_starts = torch.zeros(len(truncated), device=self.device)
                targets[truncated] += (
                    self.gamma * self._expected(fast, last_obs, (h, c), no_starts).flatten()
                )
            rollout_buffer.add(
                obs_tensor,
                action_tensor,
                targets,
                self._last_episode_starts,
                values,
                log_probs,
                self._last_lstm_states if rollout_buffer.upstream_route else None,
            )
            self._last_obs = new_obs
            self._last_episode_starts = dones
            self._last_lstm_states = lstm_states

        starts = torch.as_tensor(dones, dtype=torch.float32, device=self.device)
        last_obs = obs_as_tensor(self._last_obs, self.device)
        values = self._expected(fast, last_obs, self._last_lstm_states.vf, starts)
        rollout_buffer.compute_returns_and_advantage(last_values=values, dones=dones)
        check_rollout(rollout_buffer.played, self._last_lstm_states, self.num_timesteps)
        callback.update_locals(locals())
        callback.on_rollout_end()
        return True

    def _performed(self, actions: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Actions in the range of their space, as the environments take them."""
        if not isinstance(self.action_space, spaces.Box):
            return actions
        if self.policy.squash_output:
            unscaled: npt.NDArray[Any] = self.policy.unscale_action(actions)
            return unscaled
        clipped: npt.NDArray[Any] = np.clip(actions, self.action_space.low, self.action_space.high)
        return clipped

    def _count_episodes(self, infos: Sequence[dict[str, Any]], dones: npt.NDArray[Any]) -> None:
        """Let SB3 count the episodes that infos tell of, also inside a trial that goes on."""
        if type(self)._update_info_buffer is not BaseAlgorithm._update_info_buffer:
            self._update_info_buffer(infos, dones)
        elif told := [i for i, info in enumerate(infos) if info]:
            self._update_info_buffer([infos[i] for i in told], dones[told])

    def train(self) -> None:
        """Descend on the loss for ``n_epochs`` passes over the rollout.

        :raises NotFiniteError: on a NaN or infinite loss or gradient, before it reaches the weights
        """
        self.policy.set_training_mode(True)
        self.rollout_buffer.upstream_route = not upstream_sequences(self.policy)
        self._update_learning_rate(self.policy.optimizer)
        progress = self._current_progress_remaining
        loss = PPOLoss(
            self.clip_range(progress),
            None if self.clip_range_vf is None else self.clip_range_vf(progress),
            self.normalize_advantage,
            self.ent_coef,
            self.vf_coef,
        )
        passes: list[list[Losses]] = []
        for epoch in range(self.n_epochs):
            passes.append(list(self._descend(loss)))
            self._n_updates += 1
            if self._too_far(passes[-1][-1]):
                if self.verbose >= 1:
                    print(f"Early stopping at step {epoch}: KL {passes[-1][-1].approx_kl:.2f}")
                break
        self._log_update(loss, passes)

    def _descend(self, loss: PPOLoss) -> Iterator[Losses]:
        """One pass over the rollout, or less of it if the policy gets too far from the old one."""
        parameters = list(self.policy.parameters())
        for minibatch in self.rollout_buffer.minibatches(self.batch_size, self._piece_size):
            self.policy.optimizer.zero_grad()
            with named_distribution(f"in the update at step {self.num_timesteps}"):
                losses = loss.descend(self.policy, minibatch)
            yield losses
            if self._too_far(losses):
                return
            norm = torch.nn.utils.clip_grad_norm_(parameters, self.max_grad_norm)
            if not torch.isfinite(losses.total + norm):
                raise self._broken(loss, minibatch)
            self.policy.optimizer.step()

    @property
    def _piece_size(self) -> int | None:
        """Steps whose activations are in memory at once; a CPU's caches hold no more of them."""
        return None if self.device.type != "cpu" else PIECE_SIZE // self.policy.lstm_output_dim

    def _broken(self, loss: PPOLoss, minibatch: Minibatch) -> NotFiniteError:
        """What is not finite in a minibatch; clipping has left none of its gradients as it was."""
        self.policy.optimizer.zero_grad()
        losses = loss.descend(self.policy, minibatch)
        parts = {"policy loss": losses.policy, "value loss": losses.value}
        parts |= {"entropy": losses.entropy}
        return broken_gradient(parts, self.policy.named_parameters(), self.num_timesteps)

    def _too_far(self, losses: Losses) -> bool:
        return self.target_kl is not None and bool(losses.approx_kl > 1.5 * self.target_kl)

    def _log_update(self, loss: PPOLoss, passes: list[list[Losses]]) -> None:
        """Log what sb3-contrib logs: means over all passes, and the KL of the last one."""
        taken = [losses for descent in passes for losses in descent]
        means = Losses(*(torch.stack(part).mean() for part in zip(*taken, strict=True)))
        last_kl = torch.stack([losses.approx_kl for losses in passes[-1]]).mean().item()
        buffer = self.rollout_buffer
        numbers = {
            "entropy_loss": means.entropy.item(),
            "policy_gradient_loss": means.policy.item(),
            "value_loss": means.value.item(),
            "approx_kl": last_kl,
            "clip_fraction": means.clip_fraction.item(),
            "loss": taken[-1].total.item(),
            "explained_variance": explained_variance(
                buffer.values.flatten(), buffer.returns.flatten()
            ),
            "clip_range": loss.clip_range,
        }
        if loss.clip_range_vf is not None:
            numbers["clip_range_vf"] = loss.clip_range_vf
        if hasattr(self.policy, "log_std"):
            numbers["std"] = self.policy.log_std.exp().mean().item()
        for name, number in numbers.items():
            self.logger.record(f"train/{name}", number)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def _batch(self, observations: list[Any]) -> Any:
        """Single observations as one batch on the device [N, ...]."""
        first = observations[0]
        if isinstance(first, dict) or np.shape(first) != self.observation_space.shape:
            # One by one, since each of them may have a leading dimension of 1, as upstream allows
            tensors = [self.policy.obs_to_tensor(obs)[0] for obs in observations]
            if isinstance(first, dict):
                return {key: torch.cat([part[key] for part in tensors]) for key in first}
            return torch.cat(tensors)
        return self.policy.obs_to_tensor(np.stack(observations))[0]

    @torch.no_grad()
    def _act(self, obs: Any, states: RNNStates, episode_starts: torch.Tensor) -> Any:
        """What :class:`RolloutStep` does, by any policy."""
        with named_distribution(f"at step {self.num_timesteps}"):
            return self.policy(obs, states, episode_starts)

    @torch.no_grad()
    def _expected(
        self, fast: RolloutStep | None, obs: Any, state: State, episode_starts: torch.Tensor
    ) -> torch.Tensor:
        """What the critic expects [N, 1].

        :param fast: the fast path of the rollout, if there is one
        :param obs: [N, ...]
        :param state: the critic's ``(h, c)`` before the observations
        :param episode_starts: 1 where an observation starts an episode [N]
        """
        if fast is None:
            values: torch.Tensor = self.policy.predict_values(obs, state, episode_starts)
            return values
        keep = 1.0 - episode_starts[:, None]
        return fast.values(obs, (keep * state[0], keep * state[1]))


def _numbers(values: Any, dtype: npt.DTypeLike, kind: str, n: int) -> npt.NDArray[Any]:
    """What environments gave as a list, a tensor or an array: an array of a kind of numbers [N].

    :param dtype: what numbers of another kind become
    """
    array = values.cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
    array = array if array.dtype.kind == kind else array.astype(dtype)
    return array if array.ndim == 1 else array.reshape(n)

"""Recurrent PPO on whole sequences: a one-import replacement of sb3-contrib's."""

from typing import Any, ClassVar

import numpy as np
import sb3_contrib
import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.utils import obs_as_tensor
from stable_baselines3.common.vec_env import VecEnv

from ..checks import check_integer, check_number, check_positive
from .finite import check_finite
from .policies import CnnRnnPolicy, MlpRnnPolicy, MultiInputRnnPolicy
from .rollout_step import RolloutStep
from .sequence_buffer import SequenceBuffer


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
        self._check_settings()
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
            packed=isinstance(self.policy, MlpRnnPolicy) and self.policy.prefers_packed,
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
        :raises NotFiniteError: on a NaN or infinite observation or reward
        """
        if self._last_obs is None:
            raise ValueError("there is no last observation; call learn()")
        check_finite("observation", self._last_obs, self.num_timesteps)
        self.policy.set_training_mode(False)
        rollout_buffer.reset()
        rollout_buffer.start(self._last_lstm_states)
        callback.on_rollout_start()
        dones = self._last_episode_starts
        act = RolloutStep(self.policy) if RolloutStep.fits(self.policy) else self.policy
        noise_steps = self.sde_sample_freq if self.sde_sample_freq > 0 else n_rollout_steps
        for step in range(n_rollout_steps):
            if self.use_sde and step % noise_steps == 0:
                self.policy.reset_noise(env.num_envs)
            obs = obs_as_tensor(self._last_obs, self.device)
            with torch.no_grad():
                starts = torch.as_tensor(dones, dtype=torch.float32, device=self.device)
                actions, values, log_probs, states = act(obs, self._last_lstm_states, starts)
            performed = actions.cpu().numpy()
            if self.policy.squash_output:
                performed = self.policy.unscale_action(performed)
            elif isinstance(self.action_space, spaces.Box):
                performed = np.clip(performed, self.action_space.low, self.action_space.high)
            new_obs, rewards, dones, infos = env.step(performed)
            self.num_timesteps += env.num_envs
            check_finite("reward", rewards, self.num_timesteps)
            check_finite("observation", new_obs, self.num_timesteps)

            callback.update_locals(locals())
            if not callback.on_step():
                return False
            ended = np.flatnonzero(dones)
            for i in ended.tolist():
                last = infos[i].get("terminal_observation")
                check_finite("observation", last, self.num_timesteps, i)
            if len(ended):
                self._update_info_buffer([infos[i] for i in ended], dones[ended])
            targets = torch.as_tensor(
                rewards * self.reward_scale, dtype=torch.float32, device=self.device
            )
            truncated = [
                i
                for i in ended.tolist()
                if infos[i].get("TimeLimit.truncated", False)
                and infos[i].get("terminal_observation") is not None
            ]
            if truncated:
                last_obs = [infos[i]["terminal_observation"] for i in truncated]
                targets[truncated] += self.gamma * self._values_of(last_obs, states, truncated)
            rollout_buffer.add(obs, actions, targets, self._last_episode_starts, values, log_probs)
            self._last_obs = new_obs
            self._last_episode_starts = dones
            self._last_lstm_states = states

        with torch.no_grad():
            starts = torch.as_tensor(dones, dtype=torch.float32, device=self.device)
            last_values = self.policy.predict_values(
                obs_as_tensor(self._last_obs, self.device), self._last_lstm_states.vf, starts
            )
        rollout_buffer.compute_returns_and_advantage(last_values, dones)
        callback.update_locals(locals())
        callback.on_rollout_end()
        return True

    def _values_of(self, last_obs: list[Any], states: RNNStates, envs: list[int]) -> torch.Tensor:
        """Critic's estimates of the last observations of truncated episodes [len(envs)]."""
        batch: Any = (
            {key: np.stack([obs[key] for obs in last_obs]) for key in last_obs[0]}
            if isinstance(last_obs[0], dict)
            else np.stack(last_obs)
        )
        h, c = states.vf
        with torch.no_grad():
            values: torch.Tensor = self.policy.predict_values(
                self.policy.obs_to_tensor(batch)[0],
                (h[:, envs].contiguous(), c[:, envs].contiguous()),
                torch.zeros(len(envs), device=self.device),
            )
        return values.flatten()

"""Warm-up inside ``model.learn``, as a callback of Stable-Baselines3."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback

from .config import WarmupConfig, WarmupResult
from .exploration import Policy
from .layers import find_layers
from .procedure import warm_up
from .restart import restart_episodes
from .rollouts import random_rollouts
from .trajectories import Trajectories


class WarmupCallback(BaseCallback):
    """Warm up a recurrent SB3 model on random rollouts of its own environments, before it learns.

    It acts when ``learn`` begins, and only on a model without any update: a further ``learn``, or
    one of a model that was trained, saved and loaded, goes on as it was. Weights that come from
    elsewhere, through ``set_parameters``, count as untrained.

    Training starts as it would have without: the environments are seeded again with the model's
    seed, if it has one, and reset; global random state is not touched. Two things remember the
    rollouts. Monitors write their episodes down, ahead of those of training. And ``VecNormalize``
    keeps its statistics of them, since the network is warmed up on inputs of that scale; it reads
    the rollouts twice, first for the statistics, then normalised by them.

    The first dump of the model's logger has ``warmup/vaa_star``, VAA* before the last gradient
    step, and ``warmup/vaa_before`` and ``warmup/vaa_after``, each a mean over the layers.

    :param n_episodes: episodes of the exploration policy to warm up on
    :param config: settings of the warm-up; as a dict, those that differ from what suits the cell,
        :meth:`WarmupConfig.suited`
    :param policy: exploration policy, see :func:`~warmrl.warmup.random_rollouts`
    :param max_steps: steps after which an episode is cut, ``None`` for never
    :param seed: seed of rollouts and warm-up (unless ``config`` has another), ``None`` for the
        model's
    :raises TypeError: as ``learn`` begins, if the model has no recurrent network
    :raises ValueError: as ``learn`` begins, if an argument is out of range
    """

    def __init__(
        self,
        n_episodes: int = 256,
        config: WarmupConfig | Mapping[str, Any] | None = None,
        policy: Policy | None = None,
        max_steps: int | None = 1000,
        seed: int | None = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(verbose)
        self.n_episodes = n_episodes
        self.config = config
        self.policy = policy
        self.max_steps = max_steps
        self.seed = seed
        self.result: WarmupResult | None = None
        """what the last warm-up did, with the whole curve of VAA*; ``None`` before it"""

    def _on_training_start(self) -> None:
        if self.model._n_updates > 0:
            return
        seed = self.model.seed if self.seed is None else self.seed
        config = self._config_for(seed)
        trajectories = self._rollouts(seed)
        restart_episodes(self.model, self.training_env, self.model.seed)
        result = self.result = warm_up(self.model, trajectories, config)
        self.logger.record("warmup/vaa_star", result.vaa_star[-1])
        self.logger.record("warmup/vaa_before", result.mean_vaa_before)
        self.logger.record("warmup/vaa_after", result.mean_vaa_after)

    def _on_step(self) -> bool:
        return True

    def _config_for(self, seed: int | None) -> WarmupConfig:
        if isinstance(self.config, WarmupConfig):
            return self.config
        policy = self.model.policy
        layers = find_layers(getattr(policy, "lstm_actor", policy), "lstm_actor", partial=True)
        changes = {} if seed is None else {"seed": seed}
        return WarmupConfig.suited(layers[0].cell_state, **changes | dict(self.config or {}))

    def _rollouts(self, seed: int | None) -> Trajectories:
        """Random rollouts as the policy reads them, normalised by their own statistics."""
        collect = partial(
            random_rollouts, self.training_env, self.n_episodes, seed, self.policy, self.max_steps
        )
        normaliser = self.model.get_vec_normalize_env()
        if normaliser is None or not (normaliser.training and normaliser.norm_obs):
            return collect()
        collect()
        normaliser.training = False
        try:
            return collect()
        finally:
            normaliser.training = True

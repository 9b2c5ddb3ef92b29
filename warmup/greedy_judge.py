"""Play the same episodes greedily, whenever an agent is to be judged."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv, VecNormalize, unwrap_vec_normalize

from ..checks import check_integer
from .judging import Episodes
from .modes import training_mode
from .restart import restart_episodes

FEWEST = 100  # episodes
SHARE = 0.02  # of the steps of the training, for more than the fewest
LONGEST = 1000  # steps of an episode, or twice as many as the longest in training had
SALT = 22  # so that no training has the seeds of a judge


class GreedyJudge:
    """Plays episodes with the greedy policy, seeded: the same at every call.

    It plays 100 episodes, and up to ``n_episodes`` as long as they take less than a fiftieth of the
    steps of the training. Only the first episode after a seeded reset counts, so that chance is
    the same for every policy. An episode that does not end is cut off after twice the steps of the
    longest of the last training episodes, 1000 at least: it counts with what it was paid so far,
    and was not solved. The model's counters, optimiser and streams are not touched, nor are
    global random streams.

    :param env: where to play: an SB3 ``VecEnv``, a Gymnasium environment, or a function that makes
        either, which is closed again. If absent, the training environments: ours are put back to
        where they were; of any other the episodes under way end, and new ones are started from
        another seed, and monitors write down what is played
    :param n_episodes: how many episodes, at most
    :param seed: what the seeds of the episodes come from; ``None`` for the model's seed
    :raises ValueError: when called, if ``env`` has other spaces than the model, or normalises
        observations where the training does not, or the other way round
    """

    def __init__(
        self,
        env: VecEnv | gymnasium.Env[Any, Any] | Callable[[], Any] | None = None,
        n_episodes: int = 200,
        seed: int | None = None,
    ) -> None:
        self.env = env
        self.n_episodes = check_integer("n_episodes", n_episodes, 1)
        self.seed = seed
        self._plan: _Plan | None = None

    def __call__(self, model: BaseAlgorithm) -> Episodes:
        """Play with a model; what is played is settled at the first call."""
        if self._plan is None:
            self._plan = _Plan(*_first_seeds(self.seed, model), _longest(model))
        with training_mode(model.policy, False), _global_streams_kept():
            if self.env is None:
                return self._in_training_envs(model, self._plan)
            if isinstance(self.env, VecEnv | gymnasium.Env):
                return self._played(model, _suited(model, self.env), self._plan)
            env = self.env()
            try:
                return self._played(model, _suited(model, env), self._plan)
            finally:
                env.close()

    def check(self, model: BaseAlgorithm) -> None:
        """Check that a model can be judged here, before it is trained.

        :raises ValueError: see :class:`GreedyJudge`; not of environments that are yet to be made
        """
        if isinstance(self.env, VecEnv | gymnasium.Env):
            _suited(model, self.env)

    def _in_training_envs(self, model: BaseAlgorithm, plan: "_Plan") -> Episodes:
        env: Any = model.get_env()
        if model._last_obs is None:  # nothing is under way
            return self._played(model, env, plan)
        if not (hasattr(type(env), "get_state") and hasattr(type(env), "set_state")):
            with _normalisation_held(env):
                try:
                    return self._played(model, env, plan)
                finally:
                    restart_episodes(model, env, plan.restart)
        state = env.get_state()
        try:
            return self._played(model, env, plan)
        finally:
            env.set_state(state)

    def _played(self, model: BaseAlgorithm, env: VecEnv, plan: "_Plan") -> Episodes:
        """Rounds of one episode in each environment."""
        n = env.num_envs
        rounds: list[_Round] = []
        with _normalisation_held(env):
            while not plan.enough(rounds, n, self.n_episodes, model.num_timesteps):
                rounds.append(_round(model, env, plan.first + n * len(rounds), plan.longest))
        plan.n_rounds = len(rounds)
        says = all(played.says for played in rounds) and any(played.ended for played in rounds)
        return Episodes(
            np.concatenate([played.returns for played in rounds]),
            np.concatenate([played.solved for played in rounds]) if says else None,
        )


class _Plan:
    """What is played at every call."""

    def __init__(self, first: int, restart: int, longest: int) -> None:
        self.first = first
        """seed of the first environment in the first round"""
        self.restart = restart
        """seed of what follows in the training environments"""
        self.longest = longest
        """steps after which an episode is cut off"""
        self.n_rounds: int | None = None
        """how many rounds, once that is known"""

    def enough(self, rounds: "list[_Round]", n: int, most: int, trained: int) -> bool:
        if self.n_rounds is not None:
            return len(rounds) == self.n_rounds
        episodes, steps = n * len(rounds), sum(played.steps for played in rounds)
        least = min(FEWEST, most)
        return episodes >= most or (episodes >= least and steps >= SHARE * trained)


class _Round(NamedTuple):
    """One episode in each of N environments."""

    returns: NDArray[np.float64]  # [N]
    solved: NDArray[np.bool_]  # [N]
    ended: bool  # whether any of them ended
    says: bool  # whether those that ended say if they were solved
    steps: int  # in all environments together


def _round(model: Any, env: VecEnv, seed: int, longest: int) -> _Round:
    n = env.num_envs
    normaliser = unwrap_vec_normalize(env)
    env.seed(seed)
    observation = env.reset()
    returns, solved = np.zeros(n), np.zeros(n, dtype=np.bool_)
    alive = starts = np.ones(n, dtype=np.bool_)
    state, says, steps = None, True, 0
    for _ in range(longest):
        actions, state = model.predict(observation, state, starts, deterministic=True)
        observation, rewards, dones, infos = env.step(actions)
        if normaliser is not None:
            rewards = normaliser.get_original_reward()
        starts = np.asarray(dones, dtype=np.bool_)
        returns[alive] += np.asarray(rewards, dtype=np.float64)[alive]
        steps += n
        for i in np.flatnonzero(starts & alive).tolist():
            says = says and "is_success" in infos[i]
            solved[i] = bool(infos[i].get("is_success", False))
            if "episode" in infos[i]:  # as a monitor counts, under whatever changes rewards
                returns[i] = infos[i]["episode"]["r"]
        alive = alive & ~starts
        if not alive.any():
            break
    return _Round(returns, solved, not alive.all(), says, steps)


def _first_seeds(seed: int | None, model: Any) -> tuple[int, int]:
    """Seeds of what is judged, and of what follows it: others after every training."""
    if seed is None:
        seed = model.seed or 0
    generator = np.random.default_rng((SALT, seed, model.num_timesteps))
    first, restart = generator.integers(2**30, size=2).tolist()
    return first, restart


def _longest(model: Any) -> int:
    lengths = [int(episode["l"]) for episode in model.ep_info_buffer or ()]
    return max(LONGEST, 2 * max(lengths, default=0))


def _suited(model: Any, given: Any) -> VecEnv:
    """Environments as the model sees them, which normalise as those of its training do."""
    env: VecEnv = BaseAlgorithm._wrap_env(given, monitor_wrapper=False)
    found, wanted = ((part.observation_space, part.action_space) for part in (env, model))
    if found != wanted:
        raise ValueError(
            f"eval_env has the spaces {found}, the model {wanted}; they must be the same"
        )
    training, own = _normaliser(model.get_env()), _normaliser(env)
    if (training is None) != (own is None):
        there, missing = ("training", "eval_env") if own is None else ("eval_env", "training")
        raise ValueError(
            f"eval_env: observations of {there} are normalised by a VecNormalize, those of "
            f"{missing} are not; both must be, or none"
        )
    if training is not None and own is not None:
        own.obs_rms = deepcopy(training.obs_rms)
    return env


def _normaliser(env: VecEnv) -> VecNormalize | None:
    """What normalises observations, if anything does."""
    normaliser = unwrap_vec_normalize(env)
    return normaliser if normaliser is not None and normaliser.norm_obs else None


@contextmanager
def _normalisation_held(env: VecEnv) -> Iterator[None]:
    """The statistics of a ``VecNormalize``, if there is one, stay as they are."""
    normaliser = unwrap_vec_normalize(env)
    if normaliser is None:
        yield
        return
    before, normaliser.training = normaliser.training, False
    try:
        yield
    finally:
        normaliser.training = before


@contextmanager
def _global_streams_kept() -> Iterator[None]:
    """Whatever is drawn from the global random streams, they are put back."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002

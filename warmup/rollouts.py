"""Random rollouts: episodes of the exploration policy of any environment."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from ..checks import check_integer
from .batches import Batch, batch_of
from .exploration import Act, Policy, exploration
from .trajectories import Trajectories

Environment: TypeAlias = (
    "gymnasium.Env[Any, Any] | gymnasium.vector.VectorEnv[Any, Any, Any] | VecEnv"
)


def random_rollouts(
    env: Environment,
    n_episodes: int,
    seed: int | None = None,
    policy: Policy | None = None,
    max_steps: int | None = None,
) -> Trajectories:
    """Observations along episodes of the exploration policy.

    Round by round, the environments are reset and one whole episode of each is read, to its end.
    The episodes kept are thus chosen when they start, and long ones are not under-represented. The
    observation after which an episode has ended is not an input, for no network acts on it.

    :param env: a Gymnasium environment or vector environment (autoreset ``NEXT_STEP`` or
        ``SAME_STEP``), or an SB3 ``VecEnv``; its episode in progress is lost
    :param n_episodes: number N of episodes
    :param seed: seed of the environment and of the actions
    :param policy: probabilities of the discrete actions, or a function from a batch of observations
        [n_envs, ...] to a batch of actions; ``None`` for the environment's attribute
        ``exploration_policy`` if it has one, otherwise samples of its action space
    :param max_steps: steps after which an episode is cut; ``None`` waits for the end of each
    :return: inputs [T, N, I], or a dict of such for a ``Dict`` observation space; observations that
        are not vectors keep their shape, scalars become [T, N, 1]
    :raises ValueError: if an argument is out of range, the autoreset mode is ``DISABLED``, or an
        observation is NaN or infinite
    :raises TypeError: if ``env`` is no environment, its observations are no arrays, or another
        argument is of another type
    """
    for name, value in (("n_episodes", n_episodes), ("max_steps", max_steps)):
        if value is not None or name == "n_episodes":
            check_integer(name, value, 1)
    if seed is not None:
        check_integer("seed", seed, 0)
    batch = batch_of(env)
    # Streams of their own: an environment that draws from `seed` itself would share its numbers.
    for_actions, for_rounds = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(2))
    act = exploration(batch, policy, for_actions)
    seeds = _seeds(seed, for_rounds)
    rounds: list[dict[str, NDArray[Any]]] = []
    lengths: list[int] = []
    while len(lengths) < n_episodes:
        wanted = min(batch.n_envs, n_episodes - len(lengths))
        observations, ends = _round(batch, act, wanted, next(seeds), max_steps)
        rounds.append(observations)
        lengths.extend(ends)
    longest = max(lengths)
    return Trajectories(
        _unnamed({key: _joined([r[key] for r in rounds], longest) for key in rounds[0]}),
        torch.tensor(lengths),
    )


def _seeds(seed: int | None, rng: np.random.Generator) -> Iterator[int | None]:
    """A seed for every round, since between rounds environments reset in different ways."""
    yield seed
    while True:
        yield None if seed is None else int(rng.integers(2**31))


def _round(
    batch: Batch, act: Act, wanted: int, seed: int | None, max_steps: int | None
) -> tuple[dict[str, NDArray[Any]], list[int]]:
    """One episode of each of the first ``wanted`` environments [T, wanted, ...], and its length."""
    observation = batch.reset(seed)
    lengths = np.zeros(wanted, dtype=np.int64)
    running = np.ones(wanted, dtype=bool)
    steps: list[dict[str, NDArray[Any]]] = []
    while running.any():
        steps.append({k: np.array(v[:wanted]) for k, v in _named(observation).items()})
        lengths += running
        observation, done = batch.step(act(observation))
        running &= ~done[:wanted]
        if max_steps is not None:
            running &= lengths < max_steps
    return {key: np.stack([step[key] for step in steps]) for key in steps[0]}, lengths.tolist()


def _named(observation: Any) -> dict[str, NDArray[Any]]:
    """A batch of observations by key, "" if there is only one; scalars get an axis."""
    parts = observation if isinstance(observation, Mapping) else {"": observation}
    named = {}
    for key, part in parts.items():
        if isinstance(part, (Mapping, tuple, str)):
            raise TypeError(
                f"observations{key and f'[{key!r}]'} are of type {type(part).__name__}; "
                "they must be arrays or a flat dict of arrays"
            )
        array = np.asarray(part)
        named[key] = array[:, None] if array.ndim == 1 else array
    return named


def _joined(rounds: list[NDArray[Any]], longest: int) -> torch.Tensor:
    """Rounds [T_r, N_r, ...] side by side, [T, N, ...], zero after the end of each."""
    out = np.zeros(
        (longest, sum(r.shape[1] for r in rounds), *rounds[0].shape[2:]), rounds[0].dtype
    )
    first = 0
    for r in rounds:
        out[: len(r), first : first + r.shape[1]] = r
        first += r.shape[1]
    return torch.from_numpy(out)


def _unnamed(inputs: dict[str, torch.Tensor]) -> torch.Tensor | dict[str, torch.Tensor]:
    return inputs[""] if set(inputs) == {""} else inputs

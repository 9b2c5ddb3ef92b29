"""Where the memory of an agent goes in a long corridor: one path of states for each cue."""

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from warmrl.envs import Episode, MemoryTask

from .corridor import ENDLESS
from .play import EpisodeNoise, check_fits, play
from .protocols import GreedyAgent

SAME = 1e-4  # distance below which two states count as the same, as in VAA
MOST_CUES = 12  # colours that an eye can tell apart


@dataclass(frozen=True, eq=False)
class Portrait:
    """Paths of the hidden states of K cues through one corridor.

    Only h is followed: it is all that gates and policy see of the memory, while the cell state of
    an LSTM may drift for ever behind a saturated tanh.
    """

    names: list[str]
    """what a person calls each cue [K]"""
    paths: npt.NDArray[np.float32]
    """h of all layers before every step, from the start of the episode on [T + 1, K, D]"""
    periods: list[int | None]
    """steps after which the end of each path repeats: 1 in a fixed point, more in a cycle, None if
    it does not within the last quarter of the path [K]"""
    ends: npt.NDArray[np.int64]
    """which end each path has, from 0: the same number where they meet [K]"""
    left: npt.NDArray[np.bool_]
    """whether the agent left the cue behind; if not, it sees it still [K]"""
    solved: npt.NDArray[np.bool_]
    """whether an episode whose delay is T steps is solved [K]"""

    @property
    def n_steps(self) -> int:
        """T, the steps of the walk."""
        return len(self.paths) - 1

    @property
    def n_ends(self) -> int:
        """Number of different ends."""
        return len(set(self.ends.tolist()))

    @property
    def gap(self) -> float:
        """Smallest distance between different ends; infinite if there is one."""
        ends = [(number, self.end(k)) for k, number in enumerate(self.ends.tolist())]
        pairs = itertools.combinations(ends, 2)
        return min((_distance(a, b) for (i, a), (j, b) in pairs if i != j), default=np.inf)

    def end_in_words(self, k: int) -> str:
        """Whether path k has come to rest."""
        period, end = self.periods[k], self.end(k)
        if period is None:
            return f"still moving, within {np.linalg.norm(end - end[-1], axis=1).max():.2g}"
        return "at rest" if period == 1 else f"a cycle of {period} steps"

    def end(self, k: int) -> npt.NDArray[np.float32]:
        """The states between which path k ends up [P, D]: one, a cycle, or a stretch."""
        return _end(self.paths[:, k], self.periods[k])


def check_cues(task: MemoryTask | None, env_id: str) -> MemoryTask:
    """Check that the starts of the episodes can be enumerated, and what follows is determined.

    :raises ValueError: if not
    """
    if task is None:
        raise ValueError(f"attractors=True must be left out: env={env_id!r} has no delay")
    if not task.deterministic:
        raise ValueError(
            "attractors=True must be left out: something is random after the start of an episode "
            f"of {task}"
        )
    task.cues()
    return task


def has_cues(task: MemoryTask) -> bool:
    """Whether :func:`check_cues` lets a task pass."""
    try:
        check_cues(task, "")
    except ValueError:
        return False
    return True


def spread_cues(n: int) -> npt.NDArray[np.int64]:
    """Of n cues all, or as many as an eye can tell apart, evenly spaced [K]."""
    return np.unique(np.linspace(0, n - 1, MOST_CUES).round().astype(np.int64))


def portray(agent: GreedyAgent, task: MemoryTask, n_steps: int = 2000) -> Portrait:
    """Walk a greedy agent through an endless corridor once for each cue.

    :param agent: the agent; its own memory is not touched
    :param task: a deterministic task; its own delay plays no part. Of more than 12 cues, 12 evenly
        spaced ones are walked
    :param n_steps: steps T of the walk
    :raises ValueError: if the task is random or has too many cues, or the agent has other
        observations or actions
    """
    check_fits(agent, task)
    endless = task.with_delay(ENDLESS)
    starts = endless.cues()
    cues = spread_cues(len(starts))
    paths, reached = _walk(agent, Episode(endless), starts[cues], n_steps)
    periods = [_period(paths[:, k]) for k in range(len(cues))]
    asked = task.with_delay(n_steps)
    noise = EpisodeNoise(0, len(cues))
    solved = play(agent.step, asked, asked.cues()[cues], noise).solved
    ends = _ends([_end(paths[:, k], period) for k, period in enumerate(periods)])
    names = np.array(endless.cue_names())[cues].tolist()
    return Portrait(names, paths, periods, ends, reached >= task.minimum_delay, solved)


@torch.inference_mode()
def _walk(
    agent: GreedyAgent, episode: Episode, starts: npt.NDArray[np.float64], n_steps: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Paths [T + 1, K, D], and the delay that each has reached [K]."""
    state, memory = episode.reset(starts), agent.step.initial_state(len(starts))
    device = memory[0].device
    no_noise = np.empty((len(starts), 0))
    hs = [memory[0]]
    for _ in range(n_steps):
        observation = torch.as_tensor(episode.observe(state), device=device)
        actions, memory = agent.step(observation, memory)
        state, *_ = episode.step(state, actions.cpu().numpy(), no_noise)
        hs.append(memory[0])
    # (T + 1, layers, K, H) -> (T + 1, K, layers * H)
    paths: npt.NDArray[np.float32] = torch.stack(hs).transpose(1, 2).flatten(2).cpu().numpy()
    return paths, np.asarray(episode.corridor_delay(state))


def _period(path: npt.NDArray[np.float32]) -> int | None:
    """The shortest period of the last quarter of a path [T + 1, D], seen at least twice."""
    tail = path[-max(len(path) // 4, 2) :]
    returns = np.flatnonzero(np.linalg.norm(tail[:-1] - tail[-1], axis=1) < SAME)
    for period in (len(tail) - 1 - returns)[::-1]:
        if 2 * period <= len(tail) and _repeats(tail, period):
            return int(period)
    return None


def _repeats(tail: npt.NDArray[np.float32], period: int) -> bool:
    """Whether a slow drift does not merely look like a repeat."""
    laps = tail[::-1][: len(tail) // period * period].reshape(-1, period, tail.shape[1])
    return bool((np.linalg.norm(laps - laps[0], axis=2) < SAME).all())


def _end(path: npt.NDArray[np.float32], period: int | None) -> npt.NDArray[np.float32]:
    return path[-(period or len(path) // 4) :]


def _ends(ends: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.int64]:
    """Number ends: the same where any two of their states are."""
    numbers: list[int] = []
    for k, end in enumerate(ends):
        met = [j for j in range(k) if _distance(ends[j], end) < SAME]
        numbers.append(numbers[met[0]] if met else len(set(numbers)))
    return np.array(numbers)


def _distance(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    """Smallest distance between states of two ends."""
    return min(float(np.linalg.norm(b - state, axis=1).min()) for state in a)

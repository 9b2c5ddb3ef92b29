"""Episodes of a memory task, played to their ends by a greedy agent."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces

from warmrl.envs import Episode, MemoryTask
from warmrl.envs.arrays import rows

from .fast_forward import FastForward
from .protocols import GreedyAgent, GreedyStep

NOISE_STEPS = 256
REPORT_STEPS = 1000


@dataclass
class Played:
    """N finished episodes."""

    solved: npt.NDArray[np.bool_]
    """whether each was solved [N]"""
    returns: npt.NDArray[np.float64]
    """undiscounted return of each [N]"""
    lengths: npt.NDArray[np.int64]
    """steps that each took [N]"""


class EpisodeNoise:
    """Uniform noise of which every episode has a stream of its own.

    Episode i draws the same numbers whatever the number of episodes and however long others last.

    :param seed: seed of all streams
    :param n: number of episodes N
    """

    def __init__(self, seed: int, n: int) -> None:
        self._streams = [np.random.default_rng((seed, i)) for i in range(n)]
        self._block = np.empty((n, 0, 0))
        self._next = 0

    def start(self, width: int) -> npt.NDArray[np.float64]:
        """Noise of the resets [N, width]."""
        return np.stack([stream.random(width) for stream in self._streams])

    def step(self, alive: npt.NDArray[np.int64], width: int) -> npt.NDArray[np.float64]:
        """Noise of one step of the episodes in ``alive`` [len(alive), width]."""
        if not width:
            return np.empty((len(alive), 0))
        if self._next == self._block.shape[1]:
            self._block = np.empty((len(self._streams), NOISE_STEPS, width))
            for i in alive:
                self._block[i] = self._streams[i].random((NOISE_STEPS, width))
            self._next = 0
        self._next += 1
        drawn: npt.NDArray[np.float64] = self._block[alive, self._next - 1]
        return drawn


def check_fits(agent: GreedyAgent, task: MemoryTask) -> None:
    """Check that an agent has the task's observations and actions.

    :raises ValueError: if it has not
    """
    size, space = Episode(task).observation_size, agent.observation_space
    if not isinstance(space, spaces.Box) or space.shape != (size,):
        raise ValueError(f"observation space {space} of the agent must be Box({size},) for {task}")
    if agent.action_space != spaces.Discrete(task.n_actions):
        raise ValueError(
            f"action space {agent.action_space} of the agent must be "
            f"Discrete({task.n_actions}) for {task}"
        )


def play(
    step: GreedyStep,
    task: MemoryTask,
    starts: npt.NDArray[np.float64],
    noise: EpisodeNoise,
    on_steps: Callable[[int], None] = lambda _: None,
    forward: FastForward | None = None,
) -> Played:
    """Play N episodes as one batch, from which finished episodes are dropped.

    :param step: the agent's step
    :param task: the task
    :param starts: noise of the resets [N, reset_noise]
    :param noise: noise of the steps
    :param on_steps: called now and then with the number of steps taken
    :param forward: skips what only repeats
    """
    n = len(starts)
    played = Played(np.zeros(n, bool), np.zeros(n), np.zeros(n, np.int64))
    episode = Episode(task)
    with torch.inference_mode():
        state, memory = episode.reset(starts), step.initial_state(n)
        device = memory[0].device
        alive, returns, steps = np.arange(n), np.zeros(n), 0
        while len(alive):
            seen = episode.observe(state)
            if forward is not None:
                state, returns, skipped = forward(state, seen, memory, returns)
                steps += skipped
            observation = torch.as_tensor(seen, device=device)
            actions, memory = step(observation, memory)
            state, reward, terminated, truncated = episode.step(
                state, actions.cpu().numpy(), noise.step(alive, episode.step_noise)
            )
            returns += reward
            steps += 1
            if steps % REPORT_STEPS == 0:
                on_steps(steps)
            done = terminated | truncated
            if done.any():
                ended, going = alive[done], np.flatnonzero(~done)
                played.solved[ended] = episode.success(state)[done]
                played.returns[ended] = returns[done]
                played.lengths[ended] = steps
                alive, returns, state = alive[going], returns[going], rows(state, going)
                index = torch.as_tensor(going, device=device)
                memory = (memory[0][:, index], memory[1][:, index])
                if forward is not None:
                    forward.restart()
    return played

"""Success over a sweep of delays."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from warmrl.agents import Agent
from warmrl.checks import check_integer, check_positive
from warmrl.envs import TASKS, Episode, MemoryTask
from warmrl.envs.arguments import check_delay
from warmrl.envs.vec_env import make_configured

from .fast_forward import FastForward
from .play import EpisodeNoise, Played, check_fits, play
from .protocols import GreedyAgent
from .result import DelayResult, summarise

MAX_STEPS = 100_000
MAX_SECONDS = 60.0
PROGRESS_SECONDS = 0.1


def find_task(env_id: str, env_kwargs: Mapping[str, Any]) -> MemoryTask | None:
    """The memory task of an id; ``None`` for an environment of another package.

    :raises ValueError: for arguments that the task does not have
    """
    task_class = TASKS.get(env_id.removeprefix("warmrl.envs:"))
    if task_class is None:
        return None
    try:
        return task_class(**env_kwargs)
    except TypeError as error:
        raise ValueError(f"env_kwargs={dict(env_kwargs)} does not fit {env_id}: {error}") from error


def evaluate_delay(
    agent: GreedyAgent,
    task: MemoryTask | str,
    delay: int,
    n_episodes: int = 100,
    seed: int = 0,
    on_steps: Callable[[int], None] = lambda _: None,
    on_skip: Callable[[int, int], None] = lambda *_: None,
) -> DelayResult:
    """Play episodes of one delay with the greedy policy, all as one batch.

    Episode i at a seed has the same cue and the same noise at every delay, and however many
    episodes are played. The agent's own memory is not touched.

    Where nothing is random after the start, episodes with the same start are the same episode:
    one of them is played and counted for all, so the batch holds the distinct starts. And what an
    agent repeats bit by bit in a long corridor is not walked again and again: with the number of
    steps skipped the result is what it would be (:class:`~.fast_forward.FastForward`). The batch
    size never changes what is computed, but a matrix product may round its rows differently at
    another one, here as anywhere; :func:`~warmrl.evaluation.certify` settles batch size 1.

    :param agent: the agent
    :param task: a task, or one of ``warmrl.envs.TASKS``
    :param delay: the delay (steps) that replaces the task's own
    :param n_episodes: number of episodes, at least 1
    :param seed: at least 0
    :param on_steps: called now and then with the number of steps taken
    :param on_skip: called with the number of steps taken and of those skipped then
    :raises ValueError: for an unknown task, a delay it does not have, no episode, or an agent with
        other observations or actions
    """
    check_integer("n_episodes", n_episodes, 1)
    check_integer("seed", seed, 0)
    if isinstance(task, str):
        found = find_task(task, {})
        if found is None:
            raise ValueError(f"task={task!r} must be one of {', '.join(TASKS)}")
        task = found
    delayed = task.with_delay(delay)
    forward = FastForward(Episode(delayed), delay, on_skip) if delayed.deterministic else None
    played = play_task(agent, delayed, n_episodes, seed, on_steps, forward)
    return summarise(
        delay, played.solved, played.returns, played.lengths, float(delayed.optimal_return)
    )


def play_task(
    agent: GreedyAgent,
    task: MemoryTask,
    n_episodes: int,
    seed: int,
    on_steps: Callable[[int], None] = lambda _: None,
    forward: FastForward | None = None,
) -> Played:
    """Play episodes of a task as it is with the greedy policy, all as one batch.

    See :func:`evaluate_delay`, which is this at one delay.

    :param agent: the agent
    :param task: the task; a range of delays is drawn from
    :param n_episodes: number of episodes N, at least 1
    :param seed: at least 0
    :param on_steps: called now and then with the number of steps taken
    :param forward: skips what only repeats
    :raises ValueError: for an agent with other observations or actions
    """
    check_fits(agent, task)
    noise = EpisodeNoise(seed, n_episodes)
    starts, played_by = noise.start(task.reset_noise), np.arange(n_episodes)
    if task.deterministic:
        starts, played_by = _distinct(task, starts)
    played = play(agent.step, task, starts, noise, on_steps, forward)
    return Played(played.solved[played_by], played.returns[played_by], played.lengths[played_by])


def evaluate_env(
    agent: Agent,
    env_id: str,
    env_kwargs: Mapping[str, Any] | None = None,
    n_episodes: int = 100,
    seed: int = 0,
    max_steps: int = MAX_STEPS,
    remark: Callable[[str], None] = warnings.warn,
    max_seconds: float = MAX_SECONDS,
    progress: Callable[[float], None] = lambda _: None,
) -> DelayResult:
    """Play episodes of any Gymnasium environment with the greedy policy.

    Each episode has an environment of its own, so that short episodes do not count twice. One that
    does not end is cut off, counts with what it was paid so far, and was not solved. Where time
    cuts it off, the result depends on how fast the machine is, and the remark says so.

    :param agent: the agent; its memory is reset
    :param env_id: an id registered with Gymnasium
    :param env_kwargs: the environment's arguments
    :param n_episodes: number of episodes, at least 1
    :param seed: episode i has the seed ``seed + i``
    :param max_steps: steps after which an episode is cut off, at least 1
    :param remark: told in one line if any was
    :param max_seconds: seconds after which all that have not ended are cut off
    :param progress: called now and then with the share of the work that is done, at most, and
        with 1 at the end
    :raises ValueError: for an unknown id, or spaces that the agent does not have
    """
    check_integer("n_episodes", n_episodes, 1)
    check_integer("max_steps", max_steps, 1)
    check_integer("seed", seed, 0)
    check_positive("max_seconds", max_seconds)
    env = _environments(agent, env_id, env_kwargs or {}, n_episodes, seed)
    try:
        agent.reset()
        observation = env.reset()
        alive, solved = np.ones(n_episodes, dtype=bool), np.zeros(n_episodes, dtype=bool)
        returns, lengths = np.zeros(n_episodes), np.zeros(n_episodes, dtype=np.int64)
        says = True  # whether each episode was solved
        began = told = monotonic()
        seconds = 0.0
        while alive.any() and lengths.max() < max_steps and seconds < max_seconds:
            observation, rewards, done, infos = env.step(agent.act(observation))
            agent.reset(done)
            returns[alive] += rewards[alive]
            lengths += alive
            for i in np.flatnonzero(done & alive):
                says = says and "is_success" in infos[i]
                solved[i] = infos[i].get("is_success", False)
                returns[i] = infos[i]["episode"]["r"]
            alive &= ~done
            seconds = monotonic() - began
            if began + seconds - told >= PROGRESS_SECONDS:
                told = began + seconds
                shares = (1 - alive.mean(), lengths.max() / max_steps, seconds / max_seconds)
                progress(min(float(max(shares)), 1.0))
    finally:
        env.close()
        agent.reset()
    progress(1.0)
    if alive.any():
        steps = int(lengths.max())
        by_time = (
            f", because {max_seconds:g} seconds were over: results depend on the machine's speed"
        )
        remark(
            f"env={env_id!r}: {alive.sum()} of {n_episodes} episodes had not ended after "
            f"{steps} steps and were cut off there{by_time if steps < max_steps else ''}"
        )
    return summarise(None, solved if says and not alive.all() else None, returns, lengths, None)


def check_env(agent: Agent, env_id: str, env_kwargs: Mapping[str, Any]) -> None:
    """Check that an environment can be made, and that it is an agent's.

    :raises ValueError: if it cannot be, or has other spaces
    """
    _environments(agent, env_id, env_kwargs, 1, 0).close()


def _environments(
    agent: Agent, env_id: str, env_kwargs: Mapping[str, Any], n: int, seed: int
) -> VecEnv:
    """Environments with the spaces of an agent.

    :raises ValueError: if they cannot be made, or have others
    """
    env = make_configured(env_id, n, seed, env_kwargs)
    # Images channels first, as SB3 shows them to its agents.
    env = BaseAlgorithm._wrap_env(env, monitor_wrapper=False)
    spaces = (env.observation_space, env.action_space)
    if spaces != (agent.observation_space, agent.action_space):
        env.close()
        raise ValueError(
            f"env={env_id!r} has the spaces {spaces}, the agent "
            f"{(agent.observation_space, agent.action_space)}; they must be the same"
        )
    return env


def sweep(
    agent: Agent,
    env_id: str,
    env_kwargs: Mapping[str, Any] | None = None,
    delays: Sequence[int] = (),
    n_episodes: int = 100,
    seed: int = 0,
    progress: Callable[[float], None] = lambda _: None,
    remark: Callable[[str], None] = warnings.warn,
    on_skip: Callable[[int, int, int], None] = lambda *_: None,
    max_seconds: float = MAX_SECONDS,
) -> list[DelayResult]:
    """Evaluate an agent at every delay.

    :param agent: the agent
    :param env_id: an id registered with Gymnasium, ours or any other
    :param env_kwargs: the environment's arguments; its delay is replaced
    :param delays: delays (steps), none for an environment without a delay
    :param n_episodes: episodes at every delay
    :param seed: see :func:`evaluate_delay`
    :param progress: called now and then with the number of delays done, fractions included
    :param remark: see :func:`evaluate_env`
    :param on_skip: called with a delay, and the steps taken and skipped in its corridor
    :param max_seconds: see :func:`evaluate_env`; of no meaning for environments with a delay
    :return: one result for each delay; a single one for an environment without a delay
    :raises ValueError: see :func:`check_delays`, :func:`evaluate_delay` and :func:`evaluate_env`
    """
    task = find_task(env_id, env_kwargs or {})
    check_delays(task, env_id, delays)
    if task is None:
        foreign = partial(evaluate_env, agent, env_id, env_kwargs, n_episodes, seed)
        return [foreign(remark=remark, max_seconds=max_seconds, progress=progress)]
    results = []
    for done, delay in enumerate(delays):
        share = _share(progress, done, longest_episode(task, delay))
        skip = partial(on_skip, delay)
        results.append(evaluate_delay(agent, task, delay, n_episodes, seed, share, skip))
        progress(done + 1)
    return results


def _share(progress: Callable[[float], None], done: int, longest: int) -> Callable[[int], None]:
    """Reports steps of one delay as a share of the sweep."""
    return lambda steps: progress(done + steps / longest)


def check_delays(task: MemoryTask | None, env_id: str, delays: Sequence[int]) -> None:
    """Check the delays of a sweep.

    :raises ValueError: if there are none or too short or too long ones, or any for an environment
        without a delay
    """
    if task is None:
        if delays:
            raise ValueError(
                f"delays={list(delays)} must be left out: env={env_id!r} has no delay "
                f"({', '.join(TASKS)} have one)"
            )
        return
    if not delays:
        raise ValueError("delays=[] must name at least one delay")
    for delay in delays:
        check_delay("delays", delay, task.minimum_delay)


def longest_episode(task: MemoryTask, delay: int) -> int:
    """Steps after which an episode of this delay is cut off."""
    delayed = task.with_delay(delay)
    return int(delayed.horizon(delayed.reset(np.zeros((1, delayed.reset_noise))))[0])


def _distinct(
    task: MemoryTask, starts: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Reset noise of the distinct starts [M, reset_noise], and which of them each episode has."""
    states = np.column_stack([field.reshape(len(starts), -1) for field in task.reset(starts)])
    _, first, which = np.unique(states, axis=0, return_index=True, return_inverse=True)
    return starts[first], which.reshape(-1)

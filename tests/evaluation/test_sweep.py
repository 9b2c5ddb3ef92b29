"""Sweeps: counts, intervals, seeds, and environments of other packages."""

import importlib
import itertools
import json
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from warmrl.agents import Agent, MlpRnnPolicy
from warmrl.envs import DelayedRecall, MemoryTask, MemoryVecEnv, TMaze
from warmrl.evaluation import DelayResult, evaluate_delay, evaluate_env, sweep
from warmrl.evaluation.play import EpisodeNoise, play
from warmrl.tests.evaluation.automaton import AutomatonAgent, tmaze_automaton
from warmrl.tests.training.strangers import ID

ALWAYS_UP = {
    (0, seen): (0, action)
    for seen, action in (("up", 0), ("down", 0), ("corridor", 0), ("junction", 1))
}


def untrained(task: MemoryTask) -> Agent:
    env = MemoryVecEnv(task, 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Agent(MlpRnnPolicy(env.observation_space, env.action_space, lambda _: 0.0))


def of_strangers() -> Agent:
    """An agent for what lives behind `ID`, whose episodes have ten steps that pay one each."""
    return Agent(MlpRnnPolicy(spaces.Box(-1, 1, (3,)), spaces.Discrete(2), lambda _: 0.0))


def test_fields_are_those_of_the_published_schema() -> None:
    assert [field.name for field in fields(DelayResult)] == [
        *("delay", "episodes", "success_rate", "ci_low", "ci_high"),
        *("mean_return", "optimal_return", "mean_length"),
    ]


def test_memoryless_agent_by_hand() -> None:
    agent = tmaze_automaton(1, ALWAYS_UP)
    result = evaluate_delay(agent, TMaze(), 30, n_episodes=200, seed=1)
    ups = sum(np.random.default_rng((1, i)).random() < 0.5 for i in range(200))
    rate = ups / 200
    assert result.success_rate == rate
    assert result.mean_return == pytest.approx(4 * rate - 0.1 * (1 - rate))
    assert (result.mean_length, result.optimal_return) == (31.0, 4.0)
    # Wilson (1927) with z = 1.959964.
    z = 1.959964
    centre = (rate + z**2 / 400) / (1 + z**2 / 200)
    half = z / (1 + z**2 / 200) * np.sqrt(rate * (1 - rate) / 200 + z**2 / (4 * 200**2))
    assert result.ci_low == pytest.approx(centre - half, abs=1e-6)
    assert result.ci_high == pytest.approx(centre + half, abs=1e-6)


@pytest.mark.parametrize(
    "task", [TMaze(stochasticity=0.3), DelayedRecall(distractor="noise", n_symbols=3)]
)
def test_episode_does_not_depend_on_the_others(task: MemoryTask) -> None:
    agent = untrained(task)
    delayed = task.with_delay(7)
    played = []
    for n in (3, 20):
        noise = EpisodeNoise(5, n)
        played.append(play(agent.step, delayed, noise.start(delayed.reset_noise), noise))
    few, many = played
    assert np.array_equal(few.solved, many.solved[:3])
    assert np.array_equal(few.lengths, many.lengths[:3])
    assert np.allclose(few.returns, many.returns[:3])


def test_noise_streams_refill_alike() -> None:
    long, short = EpisodeNoise(3, 4), EpisodeNoise(3, 4)
    alive = np.arange(4)
    for step in range(600):
        if step == 100:
            alive = np.array([1, 3])
        if step == 300:
            alive = np.array([3])
        drawn = short.step(alive, 2)
        assert np.array_equal(drawn, long.step(np.arange(4), 2)[alive])


def test_deterministic_episodes_are_those_played_one_by_one() -> None:
    task = DelayedRecall(delay=4, n_cues=2, n_symbols=3)
    agent = untrained(task)
    result = evaluate_delay(agent, task, 9, n_episodes=40, seed=2)
    delayed = task.with_delay(9)
    starts = EpisodeNoise(2, 40).start(delayed.reset_noise)
    returns = [
        float(play(agent.step, delayed, start[None], EpisodeNoise(0, 1)).returns[0])
        for start in starts
    ]
    assert result.mean_return == pytest.approx(np.mean(returns))
    assert 0 < result.mean_return < 1


def test_same_seed_same_result_and_the_agents_memory_is_left_alone() -> None:
    task = TMaze(stochasticity=0.2)
    agent = untrained(task)
    env = MemoryVecEnv(task, 2, seed=0)
    observation = env.reset()
    agent.act(observation)
    remembered = agent._state
    assert evaluate_delay(agent, task, 12, 30, 4) == evaluate_delay(agent, task, 12, 30, 4)
    assert agent._state is remembered


def test_sweep_is_its_delays_and_reports_progress() -> None:
    agent = untrained(TMaze())
    seen: list[float] = []
    results = sweep(agent, "warmrl/TMaze-v0", {"length": 5}, (3, 400), 10, 1, seen.append)
    assert results == [evaluate_delay(agent, TMaze(), delay, 10, 1) for delay in (3, 400)]
    assert seen == sorted(seen)
    assert seen[0] == 1.0
    assert seen[-1] == 2.0
    assert seen[1] == pytest.approx(1 + 1000 / 1199)
    json.dumps([asdict(result) for result in results])


def test_other_environments_have_one_row_without_delay() -> None:
    space = spaces.Box(
        np.array([-4.8, -np.inf, -0.41887903, -np.inf], dtype=np.float32),
        np.array([4.8, np.inf, 0.41887903, np.inf], dtype=np.float32),
    )
    agent = Agent(MlpRnnPolicy(space, spaces.Discrete(2), lambda _: 0.0))
    (result,) = sweep(agent, "CartPole-v1", n_episodes=5, seed=3)
    assert (result.delay, result.success_rate, result.optimal_return) == (None, None, None)
    assert result.episodes == 5
    assert result.mean_return == result.mean_length >= 5
    assert result == evaluate_env(agent, "CartPole-v1", {}, 5, 3)


def test_env_path_agrees_with_the_task_path() -> None:
    task = TMaze(length=6)
    agent = untrained(task)
    result = evaluate_env(agent, "warmrl/TMaze-v0", {"length": 6}, 8, 0)
    direct = evaluate_delay(agent, task, 6, 8, 0)
    assert result.success_rate is not None
    # Untrained, its episodes end alike whatever the cue.
    assert (result.mean_length, result.episodes) == (direct.mean_length, 8)


def test_episodes_that_do_not_end_are_cut_off() -> None:
    """Some of these do end, after ten steps that pay one each."""
    env_id, remarks = ID, list[str]()
    agent = of_strangers()
    whole = evaluate_env(agent, env_id, {}, 3, 0, 10, remarks.append)
    assert remarks == []
    assert (whole.mean_return, whole.mean_length, whole.success_rate) == (10, 10, None)
    cut = evaluate_env(agent, env_id, {}, 3, 0, 9, remarks.append)
    assert (cut.mean_return, cut.mean_length, cut.success_rate) == (9, 9, None)
    (line,) = remarks
    assert line.startswith(f"env={env_id!r}: 3 of 3 episodes had not ended after 9 steps and were")
    with pytest.warns(UserWarning, match="1 of 1 episodes had not ended after 4 steps"):
        evaluate_env(agent, env_id, {}, 1, 0, 4)


def ticking(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """A clock that goes on by so much whenever it is read."""
    readings = itertools.count()
    module = importlib.import_module("warmrl.evaluation.sweep")
    monkeypatch.setattr(module, "monotonic", lambda: 5 + seconds * next(readings))


def test_the_clock_cuts_episodes_off_too(monkeypatch: pytest.MonkeyPatch) -> None:
    env_id, remarks, seen = ID, list[str](), list[float]()
    agent = of_strangers()
    ticking(monkeypatch, 2.0)
    cut = evaluate_env(agent, env_id, {}, 3, 0, 100, remarks.append, 7.5, seen.append)
    assert (cut.mean_return, cut.mean_length, cut.success_rate) == (4, 4, None)
    assert remarks == [
        f"env={env_id!r}: 3 of 3 episodes had not ended after 4 steps and were cut off there, "
        "because 7.5 seconds were over: results depend on the machine's speed"
    ]
    assert seen == pytest.approx([2 / 7.5, 4 / 7.5, 6 / 7.5, 1, 1])
    ticking(monkeypatch, 2.0)
    remarks.clear()
    steps = evaluate_env(agent, env_id, {}, 3, 0, 4, remarks.append, 7.5)
    assert steps == cut
    assert "because" not in remarks[0]  # both bounds at once: that of the steps would have held


def test_progress_of_an_environment_without_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = of_strangers()
    env_id, seen = ID, list[float]()
    ticking(monkeypatch, 0.06)  # told every other time
    sweep(agent, env_id, n_episodes=2, progress=seen.append, max_seconds=1e9)
    assert seen == pytest.approx([*(steps / 100_000 for steps in (2, 4, 6, 8)), 1, 1], abs=1e-9)


@pytest.mark.parametrize(("seconds", "error"), [(0, ValueError), ("1", TypeError)])
def test_seconds_are_positive(seconds: Any, error: type[Exception]) -> None:
    agent = of_strangers()
    with pytest.raises(error, match="max_seconds=.* must be a positive number"):
        evaluate_env(agent, "CartPole-v1", max_seconds=seconds)


@pytest.mark.parametrize(
    ("env_id", "env_kwargs", "delays", "episodes", "message"),
    [
        ("warmrl/TMaze-v0", {}, (), 5, r"delays=\[\] must name"),
        ("warmrl/TMaze-v0", {}, (20,), 0, "n_episodes=0 must be at least 1"),
        ("warmrl/TMaze-v0", {"size": 3}, (20,), 5, "does not fit"),
        ("warmrl/DelayedRecall-v0", {}, (20,), 5, "observation space"),
        ("CartPole-v1", {}, (20,), 5, "has no delay"),
        ("CartPole-v1", {}, (), 5, "must be the same"),
        ("Nonsense-v0", {}, (), 5, "env_id='Nonsense-v0' must be"),
    ],
)
def test_mistakes_are_named(
    env_id: str, env_kwargs: dict[str, int], delays: tuple[int, ...], episodes: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        sweep(untrained(TMaze()), env_id, env_kwargs, delays, episodes)


def test_task_is_found_by_its_id() -> None:
    agent: AutomatonAgent = tmaze_automaton(1, ALWAYS_UP)
    assert evaluate_delay(agent, "warmrl/TMaze-v0", 9) == evaluate_delay(agent, TMaze(), 9)
    with pytest.raises(ValueError, match="task='CartPole-v1' must be one of"):
        evaluate_delay(agent, "CartPole-v1", 9)

"""Replays: what is recorded is what is played."""

import io

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from warmrl.agents import Agent, MlpRnnPolicy
from warmrl.envs import BakkerTMaze, DelayedRecall, MemoryTask, TMaze
from warmrl.envs.batch import Batch
from warmrl.evaluation import Replay, record
from warmrl.evaluation.play import EpisodeNoise, play
from warmrl.evaluation.replay import distances, tell_apart


def agent_for(task: MemoryTask, cell: str = "gru", layers: int = 1) -> Agent:
    batch = Batch(task, 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        policy = MlpRnnPolicy(
            batch.observation_space,
            batch.action_space,
            lambda _: 0.0,
            cell=cell,
            lstm_hidden_size=4,
            n_lstm_layers=layers,
        )
        for parameter in policy.parameters():
            parameter.data += 0.3 * torch.randn_like(parameter)
    return Agent(policy)


def replay_of(memory: list[list[float]]) -> Replay:
    steps = len(memory)
    return Replay(
        "cue",
        [b""] * (steps + 1),
        [""] * (steps + 1),
        np.full((steps, 2), 0.5, np.float32),
        np.zeros(steps, np.int64),
        np.array(memory, np.float32),
        0.0,
        True,
    )


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("task", [TMaze(5), TMaze((3, 5)), DelayedRecall(3, n_symbols=3)])
def test_what_is_recorded_is_what_is_played(task: MemoryTask, cell: str) -> None:
    agent = agent_for(task, cell, layers=2)
    delayed = task.with_delay(max(task.delay) if isinstance(task.delay, tuple) else task.delay)
    replays = record(agent, task)
    assert [replay.name for replay in replays] == delayed.cue_names()
    for replay, start in zip(replays, delayed.cues(), strict=True):
        played = play(agent.step, delayed, start[None], EpisodeNoise(0, 1))
        assert replay.solved == played.solved[0]
        assert replay.total == pytest.approx(played.returns[0])
        assert len(replay) == played.lengths[0] == len(replay.pictures) - 1
        assert len(replay.texts) == len(replay.pictures)
        assert replay.memory.shape == (len(replay), 8)
        np.testing.assert_allclose(replay.probabilities.sum(axis=1), 1, rtol=1e-5)
        assert (replay.probabilities.argmax(axis=1) == replay.actions).all()


def test_memory_is_the_agents_own_and_pictures_lead_to_it() -> None:
    task = TMaze(4)
    agent = agent_for(task)
    replay = record(agent, task)[1]
    batch = Batch(task, 1)
    batch.state = batch.episode.reset(task.cues()[1:])
    for t in range(3):
        pixels = imread(io.BytesIO(replay.pictures[t]))[..., :3] * 255
        np.testing.assert_allclose(pixels, batch.render("rgb_array", 0), atol=0.01)
        assert replay.texts[t] == batch.render("ansi", 0)
        action = agent.act(batch.observe())
        assert action[0] == replay.actions[t]
        assert agent._state is not None
        np.testing.assert_array_equal(agent._state[0][0, 0].numpy(), replay.memory[t])
        batch.step(action, np.random.default_rng(0))
    assert "cue down (seen now)" in replay.texts[0]


def test_recording_leaves_the_agents_memory_alone() -> None:
    task = TMaze(3)
    agent, twin = agent_for(task), agent_for(task)
    observation = Batch(task, 1).reset(np.random.default_rng(0))
    for one in (agent, twin):
        one.act(observation)
    record(agent, task)
    agent.act(observation)
    twin.act(observation)
    assert agent._state is not None
    assert twin._state is not None
    assert torch.equal(agent._state[0], twin._state[0])


def test_random_tasks_are_played_from_a_seed() -> None:
    task = TMaze(4, stochasticity=0.5)
    agent = agent_for(task)
    first, again, other = record(agent, task), record(agent, task), record(agent, task, seed=1)
    assert [replay.name for replay in first] == [f"episode {i}" for i in (1, 2, 3, 4)]
    assert [r.texts for r in first] == [r.texts for r in again]
    assert [r.texts for r in first] != [r.texts for r in other]


@pytest.mark.parametrize("task", [TMaze(4, stochasticity=0.5), BakkerTMaze(6, noisy=True)])
def test_random_tasks_are_played_as_in_a_sweep(task: MemoryTask) -> None:
    agent = agent_for(task)
    noise = EpisodeNoise(3, 4)
    played = play(agent.step, task, noise.start(task.reset_noise), noise)
    replays = record(agent, task, seed=3)
    assert [len(replay) for replay in replays] == played.lengths.tolist()
    assert [replay.total for replay in replays] == pytest.approx(played.returns)


def test_many_cues_and_long_delays_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warmrl.evaluation.replay.LONGEST_DELAY", 4)
    task = DelayedRecall(10**6, n_cues=2, n_symbols=5)
    replays = record(agent_for(task), task)
    assert [replay.name for replay in replays][:: len(replays) - 1] == ["0 0", "4 4"]
    assert len(replays) == 12
    assert len(replays[0]) == 2 + 4 + 2


def test_distances_are_to_the_nearest_other_in_the_same_step() -> None:
    replays = [
        replay_of([[0, 0], [3, 4], [1, 1]]),
        replay_of([[0, 1], [0, 0]]),
        replay_of([[2, 0]]),
    ]
    assert distances(replays, 0) == [1, 5, None]
    assert distances(replays, 1) == [1, 5]
    assert distances(replays[:1], 0) == [None] * 3


def test_units_stand_together_by_episode_and_the_telling_ones_first() -> None:
    first: list[list[float]] = [[0.1, 0, 0.4, 0.5], [0.1, 0, 0.4, 0.5]]
    second: list[list[float]] = [[0, 1, 0, 0.6], [0, 0, 0, 0.6], [9, 9, 9, 9]]
    assert tell_apart([replay_of(first), replay_of(second)]).tolist() == [2, 0, 1, 3]

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from warmrl.envs import DelayedRecall, Episode

NO_NOISE = np.empty((1, 0))


def reset_noise(symbols: list[int], n_symbols: int) -> Any:
    return (np.array([symbols]) + 0.5) / n_symbols


def rows_seen(task: DelayedRecall, symbols: list[int], answers: list[int]) -> Any:
    """Observations, rewards and terminations of an episode in which `answers` are the actions."""
    state = task.reset(reset_noise(symbols, task.n_symbols))
    seen, rewards, ended = [task.observe(state)[0].tolist()], [], []
    for answer in answers:
        state, reward, terminated = task.step(state, np.array([answer]), NO_NOISE)
        seen.append(task.observe(state)[0].tolist())
        rewards.append(float(reward[0]))
        ended.append(bool(terminated[0]))
    return seen, rewards, ended, bool(task.success(state)[0])


def test_episode_written_by_hand() -> None:
    task = DelayedRecall(delay=2, n_cues=2, n_symbols=3)
    seen, rewards, ended, solved = rows_seen(task, [2, 0], [2, 0, 2, 0, 2, 0])
    assert seen == [
        [0, 0, 1, 1, 0],  # cue 2
        [1, 0, 0, 1, 0],  # cue 0
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 1],  # query
        [0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0],  # after the end
    ]
    assert rewards == [0, 0, 0, 0, 0.5, 0.5]
    assert ended == [False] * 5 + [True]
    assert solved


def test_reverse_order_asks_for_the_last_cue_first() -> None:
    task = DelayedRecall(delay=1, n_cues=3, n_symbols=4, order="reverse")
    rewards = rows_seen(task, [3, 1, 0], [0, 0, 0, 0, 0, 1, 3])[1]
    assert rewards[4:] == pytest.approx([1 / 3] * 3)
    rewards, _, solved = rows_seen(task, [3, 1, 0], [0, 0, 0, 0, 3, 1, 0])[1:]
    assert rewards[4:] == pytest.approx([0, 1 / 3, 0])
    assert not solved


@pytest.mark.parametrize("answer", [0, 1])
def test_one_wrong_answer_is_no_success(answer: int) -> None:
    task = DelayedRecall(delay=1, n_cues=2, n_symbols=2)
    _, rewards, ended, solved = rows_seen(task, [1, 1], [1, 1, 1, 1, answer])
    assert solved is (answer == 1)
    assert sum(rewards) == pytest.approx(0.5 + 0.5 * answer)
    assert ended[-1]


def test_previous_action_and_reward_come_first() -> None:
    episode = Episode(DelayedRecall(delay=1, n_symbols=2))
    state = episode.reset(np.array([[0.75]]))
    assert episode.observe(state).tolist() == [[0, 0, 0, 0, 1, 1, 0]]
    for action in (0, 0, 1):
        state, reward, terminated, truncated = episode.step(state, np.array([action]), NO_NOISE)
    assert episode.observe(state).tolist() == [[0, 1, 1, 0, 0, 0, 0]]
    assert (bool(terminated[0]), bool(truncated[0])) == (True, False)
    assert reward.tolist() == [1]


def test_a_range_gives_every_episode_its_own_delay() -> None:
    task = DelayedRecall(delay=(2, 4), n_cues=2)
    noise = np.column_stack([np.zeros((4, 2)), [0.0, 0.3, 0.5, 0.9]])
    state = task.reset(noise)
    assert state.delay.tolist() == [2, 2, 3, 4]
    assert task.horizon(state).tolist() == [6, 6, 7, 8]


def distractor_episode(distractor: str, n: int, delay: int) -> Any:
    """Own observations `[2 + delay, n, size]`: one cue, the delay, the query."""
    task = DelayedRecall(delay=delay, n_symbols=5, distractor=distractor)
    rng = np.random.default_rng(0)
    state = task.reset(rng.random((n, task.reset_noise)))
    seen = [task.observe(state)]
    for _ in range(delay + 1):
        state = task.step(state, np.zeros(n, dtype=np.int64), rng.random((n, task.step_noise)))[0]
        seen.append(task.observe(state))
    return np.stack(seen)


def test_noise_is_standard_normal_in_the_delay_and_zero_elsewhere() -> None:
    seen = distractor_episode("noise", 2000, 20)
    noise = seen[1:-1, :, -1]
    assert noise.mean() == pytest.approx(0, abs=0.02)
    assert noise.std() == pytest.approx(1, abs=0.02)
    assert np.mean(np.abs(noise) < 1) == pytest.approx(0.6827, abs=0.01)
    assert not seen[[0, -1], :, -1].any()
    assert not seen[1:-1, :, :-1].any()


def test_distractor_symbols_are_uniform_and_carry_no_cue_flag() -> None:
    seen = distractor_episode("symbol", 2000, 10)
    shown = seen[1:-1, :, :5]
    assert (shown.sum(axis=-1) == 1).all()
    assert shown.mean(axis=(0, 1)) == pytest.approx([0.2] * 5, abs=0.01)
    assert not seen[1:, :, 5].any()
    assert seen[0, :, 5].all()
    assert seen[-1, :, 6].all()
    assert not seen[-1, :, :5].any()


@pytest.mark.parametrize("noise", [0.0, np.nextafter(1.0, 0.0)])
def test_extreme_noise_stays_within_the_observation_bounds(noise: float) -> None:
    episode = Episode(DelayedRecall(delay=3, n_symbols=10, distractor="noise"))
    low, high = episode.observation_bounds
    state = episode.reset(np.full((1, episode.reset_noise), noise))
    for _ in range(3):
        state = episode.step(state, np.array([0]), np.array([[noise, 0.0]]))[0]
        seen = episode.observe(state)
        assert ((low <= seen) & (seen <= high)).all()

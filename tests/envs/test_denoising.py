from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from warmrl.envs import Denoising
from warmrl.envs.denoising import distinct_steps
from warmrl.tests.envs.by_hand import play


def test_episode_written_by_hand() -> None:
    task = Denoising(2, n_cues=2, n_symbols=2, window=4)
    # symbols 1 and 0; the last of 4 steps, then the second of the 3 left; first distractor 0
    start = [0.75, 0.25, 0.9, 0.5, 0.25]
    noise = [[0.75]] * 8
    played = play(task, start, [0, 0, 0, 0, 0, 0, 1, 1], noise)
    distractor, query = [0, 1, 0, 0], [0, 0, 0, 1]
    assert played.seen == [
        [1, 0, 0, 0],
        [0, 1, 1, 0],  # cue 1
        distractor,
        [1, 0, 1, 0],  # cue 0
        distractor,
        distractor,
        query,
        query,
        [0, 0, 0, 0],
    ]
    assert played.rewards == [0, 0, 0, 0, 0, 0, 0.5, 0]
    assert played.ended == [False] * 7 + [True]
    assert not played.solved
    assert play(task, start, [0, 0, 0, 0, 0, 0, 1, 0], noise).solved


def test_noise_has_a_channel_that_is_silent_with_cues_and_queries() -> None:
    task = Denoising(1, n_cues=1, n_symbols=2, window=2, distractor="noise")
    noise = [[0.5, 0.25]] * 3 + [[0.5, 0.0]]
    played = play(task, [0.75, 0.75, 0.5, 0.0], [0, 0, 0, 1], noise)
    loud = float(np.float32(np.sqrt(2 * np.log(2))))
    assert np.array(played.seen) == pytest.approx(
        np.array([[0, 0, 0, 0, loud], [0, 1, 1, 0, 0], [0] * 5, [0, 0, 0, 1, 0], [0] * 5]),
        abs=1e-6,
    )


def test_every_set_of_steps_is_equally_likely() -> None:
    n, window, m = 60_000, 5, 3
    drawn = distinct_steps(np.random.default_rng(0).random((n, m)), window)
    counts = Counter(map(tuple, drawn.tolist()))
    assert all(list(steps) == sorted(set(steps)) for steps in counts)
    assert len(counts) == 10
    assert np.array(list(counts.values())) / n == pytest.approx(0.1, abs=0.005)  # 4 sigma


@pytest.mark.parametrize("noise", [0.0, np.nextafter(1.0, 0.0)])
def test_a_full_window_is_all_cues(noise: float) -> None:
    assert distinct_steps(np.full((1, 4), noise), 4).tolist() == [[0, 1, 2, 3]]


def test_enumerated_cues_are_the_symbols_and_steps_they_stand_for() -> None:
    task = Denoising((1, 2), n_cues=2, n_symbols=2, window=3, distractor="none")
    state = task.reset(task.cues())
    found = {(*times, *symbols) for times, symbols in zip(
        state.times.tolist(), state.symbols.tolist(), strict=True
    )}  # fmt: skip
    steps, symbols = [(0, 1), (0, 2), (1, 2)], [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert found == {(*t, *s) for t in steps for s in symbols}
    assert set(state.delay.tolist()) == {1}


def test_published_numbers() -> None:
    task = Denoising()
    assert (task.window, task.delay, task.n_cues) == (100, 100, 5)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"window": 4}, ValueError, "window=4 must be at least 5"),
        ({"window": 9.0}, TypeError, "window=9.0 must be an int"),
        ({"delay": 0}, ValueError, "delay=0 must be at least 1"),
        ({"distractor": "loud"}, ValueError, "must be one of none, noise, symbol"),
    ],
)
def test_bad_arguments_are_named(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Denoising(**arguments)

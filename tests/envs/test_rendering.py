from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from warmrl.envs import MemoryEnv, MemoryTask, MemoryVectorEnv, TMaze
from warmrl.envs.canvas import BLUE, GREEN, GREY, INK, RED, Canvas, signed, text_width
from warmrl.envs.tmaze_picture import MAX_CELLS, visible_cells
from warmrl.tests.envs.variants import VARIANTS


def has(image: Any, colour: tuple[int, int, int]) -> bool:
    return bool((image == colour).all(axis=-1).any())


@pytest.mark.parametrize("task", VARIANTS, ids=repr)
def test_every_moment_of_an_episode_can_be_drawn(task: MemoryTask) -> None:
    image, text = (MemoryEnv(task, render_mode=mode) for mode in ("rgb_array", "ansi"))
    shapes = set()
    rng = np.random.default_rng(0)
    for env in (image, text):
        env.reset(seed=0)
    for _ in range(40):
        drawn, written = image.render(), text.render()
        assert drawn.dtype == np.uint8
        shapes.add(drawn.shape)
        assert isinstance(written, str)
        action = rng.choice(task.n_actions, p=task.exploration_policy)
        ended = [any(env.step(action)[2:4]) for env in (image, text)]
        if any(ended):
            assert image.render().shape in shapes
            assert "step" in text.render()
            for env in (image, text):
                env.reset()
    assert len(shapes) == 1  # frames of a video must agree


def test_tmaze_in_text() -> None:
    env = MemoryEnv(TMaze(3), render_mode="ansi")
    up = bool(env.reset(seed=0)[0][5])
    arms = ["G", "x"] if up else ["x", "G"]
    assert env.render().splitlines()[:3] == [
        " " * 10 + arms[0],
        " A  .  .  +",
        " " * 10 + arms[1],
    ]
    for action in (0, 0, 0, 1):
        env.step(action)
    assert env.render().splitlines()[:2] == [
        " " * 10 + "A",
        f" {'^' if up else 'v'}  .  .  +",
    ]
    assert f"reward {'+4' if up else '-0.1'}" in env.render()


def test_tmaze_picture_shows_the_agent_and_both_arms() -> None:
    env = MemoryEnv(TMaze(200), render_mode="rgb_array")
    env.reset(seed=0)
    image = env.render()
    assert all(has(image, colour) for colour in (BLUE, GREEN, RED, GREY))  # grey: left out
    short = MemoryEnv(TMaze(3), render_mode="rgb_array")
    short.reset(seed=0)
    assert not has(short.render(), GREY)


def test_recall_in_text() -> None:
    env = MemoryEnv("warmrl/DelayedRecall-v0", render_mode="ansi", delay=1, n_symbols=2)
    cue = int(env.reset(seed=0)[0][4] == 1)
    assert env.render().startswith(f"[cue 1/1] shown: {cue}")
    env.step(0)
    assert env.render().startswith("[delay 1/1] shown: nothing")
    env.step(0)
    assert env.render().startswith("[query 1/1] shown: ?")
    env.step(1 - cue)
    assert env.render().startswith("[end] shown: nothing")
    assert f"answer: {1 - cue} (wrong, it was {cue})" in env.render()


@pytest.mark.parametrize("length", [2, 15, 16, 17, 100])
def test_visible_cells_keep_ends_and_agent_and_fit(length: int) -> None:
    for x in range(length + 1):
        cells = visible_cells(x, length)
        numbers = [cell for cell in cells if cell is not None]
        assert numbers == sorted(set(numbers))
        assert {0, 1, x, length - 1, length} <= set(numbers)
        assert len(cells) <= MAX_CELLS
        for before, cell in itertools.pairwise(cells):
            assert cell is None or before is None or cell == before + 1


def test_vector_environment_renders_every_episode() -> None:
    env = MemoryVectorEnv(TMaze(3), 2, render_mode="ansi")
    env.reset(seed=0)
    env.step(np.array([0, 2]))
    frames = env.render()
    assert frames is not None
    assert [frame.splitlines()[1][1] == "A" for frame in frames] == [False, True]
    assert MemoryVectorEnv(TMaze(3), 2).render() is None


def test_letters_have_their_shape() -> None:
    canvas = Canvas(5, text_width("T.", size=1))
    canvas.text(0, 0, "t.", size=1)
    drawn = (canvas.pixels == INK).all(axis=-1)
    assert ["".join(".#"[dot] for dot in row) for row in drawn.astype(int)] == [
        "###....",
        ".#.....",
        ".#.....",
        ".#.....",
        ".#...#.",
    ]


@pytest.mark.parametrize(
    ("reward", "text"), [(0.0, "0"), (4.0, "+4"), (-0.1, "-0.1"), (1 / 3, "+0.33")]
)
def test_rewards_are_written_short(reward: float, text: str) -> None:
    assert signed(reward) == text

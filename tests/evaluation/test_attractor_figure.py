"""The picture of attractors: what it says, and what it draws."""

import numpy as np
import pytest

from warmrl.evaluation import History, Portrait, attractor_figure, headline
from warmrl.evaluation.attractor_figure import principal_plane

NOTHING = History(np.empty(0), np.empty(0))


def portrait(ends: list[int], solved: list[bool]) -> Portrait:
    n = len(ends)
    paths = np.zeros((2001, n, 3), np.float32)
    paths[1:, :, 0] = ends
    left = np.ones(n, dtype=bool)
    return Portrait(
        list("abcdefghijkl"[:n]), paths, [1] * n, np.array(ends), left, np.array(solved)
    )


@pytest.mark.parametrize(
    ("ends", "solved", "sentence"),
    [
        ([0, 1], [True, True], "2 cues, 2 different states after a delay of 2 000 steps: all"),
        ([0, 0], [True, False], "2 cues, the same state after a delay of 2 000 steps: 1 of them"),
        ([0, 1, 0], [False] * 3, "3 cues, 2 different states after a delay of 2 000 steps: none"),
    ],
)
def test_headline(ends: list[int], solved: list[bool], sentence: str) -> None:
    assert headline(portrait(ends, solved)) == f"{sentence} answered right"


def test_paths_and_history_are_drawn() -> None:
    history = History(np.array([128.0, 256.0]), np.array([0.5, 1.0]), 0.1, 0.9)
    figure = attractor_figure(portrait([0, 1], [True, False]), history)
    figure.canvas.draw()
    plane, course = figure.axes
    legend = plane.get_legend()
    assert legend is not None
    assert legend.get_title().get_text() == "ends at least 1 apart"
    assert [text.get_text() for text in legend.get_texts()] == [
        "cue a: at rest, right",
        "cue b: at rest, wrong",
        "start",
    ]
    stars = [line for line in plane.lines if line.get_marker() == "*"]
    assert abs(np.subtract(stars[0].get_xydata(), stars[1].get_xydata())[0, 0]) == pytest.approx(1)
    assert list(np.asarray(course.lines[0].get_ydata())) == [0.5, 1.0]
    said = course.get_legend()
    assert said is not None
    assert [text.get_text() for text in said.get_texts()][1:] == [
        "VAA before warm-up: 0.100",
        "VAA after warm-up: 0.900",
    ]


def test_without_a_history_there_is_one_panel() -> None:
    figure = attractor_figure(portrait([0, 0], [True, False]), NOTHING)
    figure.canvas.draw()
    assert len(figure.axes) == 1


def test_twelve_cues_have_twelve_colours() -> None:
    figure = attractor_figure(portrait(list(range(12)), [True] * 12), NOTHING)
    stars = [line for line in figure.axes[0].lines if line.get_marker() == "*"]
    assert len({line.get_color() for line in stars}) == 12


def test_principal_plane_of_an_ellipse() -> None:
    angle = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    ellipse = np.stack([3 * np.cos(angle), np.zeros(100), np.sin(angle)], axis=1) + 5
    plane, shares = principal_plane(ellipse.astype(np.float32))
    assert shares == pytest.approx((0.9, 0.1), abs=1e-4)
    assert np.abs(plane(ellipse.astype(np.float32))).max(axis=0) == pytest.approx([3, 1], abs=1e-4)


@pytest.mark.parametrize("states", [np.ones((5, 4)), np.arange(6.0)[:, None]])
def test_principal_plane_where_there_is_none(states: np.ndarray) -> None:
    plane, shares = principal_plane(states.astype(np.float32))
    assert plane(states.astype(np.float32)).shape == (len(states), 2)
    assert shares[1] == 0

"""The figure: what is drawn, where."""

import numpy as np
import pytest

from warmrl.envs import DelayedRecall, Denoising, MemoryTask, TMaze
from warmrl.evaluation import DelayResult, success_figure
from warmrl.evaluation.figure import chance


def row(delay: int, rate: float) -> DelayResult:
    return DelayResult(
        delay, 100, rate, max(rate - 0.1, 0.0), min(rate + 0.05, 1.0), 0.0, 4.0, 10.0
    )


def test_curve_is_sorted_on_a_logarithmic_axis() -> None:
    figure = success_figure([row(2000, 0.5), row(20, 1.0)], TMaze())
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "length (steps)"
    data = [line for line in axes.lines if list(np.asarray(line.get_xdata())) == [20, 2000]]
    assert list(np.asarray(data[0].get_ydata())) == [1.0, 0.5]
    figure.canvas.draw()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["20", "2 000"]


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (TMaze(), 0.5),
        (TMaze(length=(2, 9)), 0.5),
        (DelayedRecall(n_cues=2, n_symbols=3), 1 / 9),
        (DelayedRecall(n_cues=9), None),
        (Denoising(n_cues=2, n_symbols=3, window=4, distractor="none"), 1 / 9),
        (Denoising(), None),
        (TMaze(stochasticity=0.1), None),
    ],
)
def test_chance_is_a_guess_among_the_cues(task: MemoryTask, expected: float | None) -> None:
    assert chance(task) == expected
    success_figure([row(5, 0.2)], task).canvas.draw()


def test_many_delays_do_not_crowd_the_axis() -> None:
    figure = success_figure([row(2 + i, 0.5) for i in range(40)], TMaze())
    figure.canvas.draw()
    assert len(figure.axes[0].get_xticks()) < 10

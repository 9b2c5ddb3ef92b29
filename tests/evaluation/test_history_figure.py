"""Training, drawn alone."""

import numpy as np
import pytest

from warmrl.evaluation import History, history_figure


@pytest.mark.parametrize("vaa", [None, 0.9])
def test_success_and_vaa(vaa: float | None) -> None:
    history = History(np.array([128.0, 256.0]), np.array([0.5, 1.0]), vaa and 0.1, vaa)
    figure = history_figure(history)
    figure.canvas.draw()
    (axes,) = figure.axes
    assert list(np.asarray(axes.lines[0].get_ydata())) == [0.5, 1.0]
    assert len(axes.lines) == (1 if vaa is None else 3)
    assert history.told

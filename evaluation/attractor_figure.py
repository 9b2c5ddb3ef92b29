"""A portrait, drawn: why an agent remembers, or does not."""

from collections.abc import Callable

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .figure import INK
from .history import History
from .history_figure import draw_history
from .portrait import Portrait
from .table import grouped

DRAWN_STEPS = 200  # of every path, from its start; then only its end is drawn


def headline(portrait: Portrait) -> str:
    """What a portrait shows, in one sentence."""
    cues, ends, right = len(portrait.names), portrait.n_ends, int(portrait.solved.sum())
    if not portrait.left.all():
        stuck = int((~portrait.left).sum())
        return f"{cues} cues, of which the agent never leaves {stuck}: it still sees what it was"
    left = "the same state" if ends == 1 else f"{ends} different states"
    answered = {cues: "all", 0: "none"}.get(right, f"{right} of them")
    return (
        f"{cues} cues, {left} after a delay of {grouped(portrait.n_steps)} steps: "
        f"{answered} answered right"
    )


def attractor_figure(portrait: Portrait, history: History) -> Figure:
    """The states of every cue on their plane of largest variance, and how training went.

    :param portrait: the paths
    :param history: of the run; without it there is no second panel
    """
    told = history.told
    figure = Figure(figsize=(10 if told else 6.4, 4.6), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(headline(portrait), color=INK, fontsize=12)
    panels = figure.subplots(1, 1 + told, width_ratios=[3, 2][: 1 + told], squeeze=False)[0]
    _draw_paths(panels[0], portrait)
    if told:
        draw_history(panels[1], history)
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def principal_plane(
    states: npt.NDArray[np.float32],
) -> tuple[Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]], tuple[float, float]]:
    """The plane of largest variance.

    :param states: [S, D]
    :return: the projection onto it, [..., D] -> [..., 2], and the shares of variance of its axes
    """
    centre = states.mean(axis=0, dtype=np.float64)
    _, lengths, axes = np.linalg.svd(states - centre, full_matrices=False)
    # A single unit, or none that moves, leaves axes without variance.
    lengths, axes = np.append(lengths, [0, 0])[:2], np.pad(axes, ((0, 2), (0, 0)))[:2]
    total = max(float(np.square(states - centre).sum()), np.finfo(float).tiny)
    first, second = np.square(lengths) / total
    return lambda points: (points - centre) @ axes.T, (float(first), float(second))


def _draw_paths(axes: Axes, portrait: Portrait) -> None:
    seen = portrait.paths[: DRAWN_STEPS + 1]
    ends = [portrait.end(k) for k in range(len(portrait.names))]
    plane, shares = principal_plane(np.concatenate([seen.reshape(-1, seen.shape[2]), *ends]))
    colours = mpl.colormaps["tab10" if len(ends) <= 10 else "tab20"].colors  # type: ignore[attr-defined]
    start = plane(seen[:1, 0])
    for k, end in enumerate(ends):
        x, y = plane(seen[:, k]).T
        colour = colours[k]
        axes.plot(x, y, color=colour, lw=1.2, alpha=0.8, marker="o", ms=2.5, mew=0, zorder=2)
        at_end = plane(end)
        if len(end) > 1:
            axes.plot(*at_end.T, color=colour, lw=0.8, marker="s", ms=3, mew=0, zorder=3)
        answer = "right" if portrait.solved[k] else "wrong"
        axes.plot(
            *at_end[-1],
            marker="*",
            ms=17,
            color=colour if portrait.solved[k] else "white",
            mec=colour if not portrait.solved[k] else INK,
            ls="",
            zorder=4,
            label=f"cue {portrait.names[k]}: {portrait.end_in_words(k)}, {answer}",
        )
    axes.plot(*start.T, marker="o", ms=8, color=INK, ls="", zorder=5, label="start")
    axes.set_xlabel(f"first principal component ({shares[0]:.0%})", color=INK)
    axes.set_ylabel(f"second ({shares[1]:.0%})", color=INK)
    axes.set_xticks([])
    axes.set_yticks([])
    gap = f"ends at least {portrait.gap:.2g} apart" if portrait.n_ends > 1 else "one end for all"
    axes.legend(title=gap, frameon=False, fontsize=9, title_fontsize=9, loc="best")

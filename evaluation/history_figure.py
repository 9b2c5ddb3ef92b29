"""How training went, drawn."""

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, PercentFormatter

from .figure import AMBER, BLUE, GREY, INK
from .history import History


def history_figure(history: History) -> Figure:
    """Success over training, and VAA before and after the warm-up.

    :param history: of the run
    """
    figure = Figure(figsize=(6.4, 3.8), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    draw_history(axes, history)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def draw_history(axes: Axes, history: History) -> None:
    """Draw success over training, and VAA at its start, into axes."""
    if len(history.steps):
        axes.plot(history.steps, history.success, color=BLUE, lw=1.8, label="success")
    for vaa, when, filled in (
        (history.vaa_before, "before", False),
        (history.vaa_after, "after", True),
    ):
        if vaa is not None:
            face = AMBER if filled else "white"
            axes.plot(
                0, vaa, marker="D", ms=8, ls="", color=face, mec=AMBER, clip_on=False,
                label=f"VAA {when} warm-up: {vaa:.3f}",
            )  # fmt: skip
    axes.set_ylim(0, 1)
    axes.set_xlim(left=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_xlabel("environment steps", color=INK)
    axes.grid(axis="y", color=GREY, alpha=0.25, lw=0.8)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=9, loc="best")

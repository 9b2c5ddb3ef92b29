"""The settings of a warm-up and what it returns."""

from dataclasses import dataclass, replace
from typing import Any

from ..checks import check_integer, check_number, check_positive
from .descent import DescentConfig, DescentResult


@dataclass(frozen=True)
class WarmupConfig(DescentConfig):
    """Settings of :func:`~warmrl.warmup.warm_up`.

    :raises ValueError: if a setting is out of its range; the message says what would be right
    :raises TypeError: if it is of another type
    """

    max_drive_steps: int = 200
    """Longest drive, in steps."""
    drive_growth: int = 1
    """Steps by which the longest drive grows with every gradient step, from one."""
    target: float = 0.95
    """VAA* to reach."""
    margin: float | None = 1.0
    """Distance of tanh(states) from which on VAA* counts two as different: a policy must be able to
    tell them apart. None as in the paper, where the gradient fades a little beyond eps."""
    settle: float = 10.0
    """Weight of the mean square motion of tanh(state) in the second half of a constant drive; 0 as
    in the paper. VAA* alone is also raised by oscillations and chaos, which keep states apart
    without keeping what they stood for; this leaves attractors that come to rest."""
    halvings: int = 2
    """How often at most to begin again, with half the step size, if VAA* was won and lost again; 0
    as in the paper. On long sequences the gradients of an LSTM grow faster than Adam follows, and
    one leap may lose all."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("max_drive_steps", self.max_drive_steps, 1)
        check_integer("drive_growth", self.drive_growth, 0)
        check_number("settle", self.settle, 0)
        check_integer("halvings", self.halvings, 0)
        check_positive("target", self.target)
        if self.margin is not None:
            check_positive("margin", self.margin)
            if self.margin <= self.eps:
                raise ValueError(f"margin={self.margin} must be above eps={self.eps}")
        if self.target > 1:
            raise ValueError(f"target={self.target} must be at most 1")

    @classmethod
    def suited(cls, cell_state: bool, **changes: Any) -> "WarmupConfig":
        """The settings that suit a kind of cell.

        The attractors of an LSTM come and go while its weights move: it needs larger steps that
        shrink to nothing. The same steps make the states of a GRU drift for long.

        :param cell_state: whether it has a cell state
        :param changes: settings that differ
        """
        suited = {"learning_rate": 2e-2, "anneal": True} if cell_state else {}
        return cls(**suited | changes)

    @classmethod
    def paper(cls, **changes: Any) -> "WarmupConfig":
        """The settings of Lambrechts et al. (2023): N(0, I) drive, uniform cuts, VAA* alone.

        :param changes: settings that differ from theirs
        """
        theirs = cls(
            drive="gaussian",
            cut="uniform",
            n_steps=100,
            drive_growth=10,
            margin=None,
            settle=0.0,
            halvings=0,
            max_grad_norm=None,
        )
        return replace(theirs, **changes)


@dataclass(frozen=True)
class WarmupResult(DescentResult):
    """What a warm-up did.

    :param loss: loss before each gradient step, mean over the layers [n_steps]
    :param vaa_before: VAA of each layer under a constant input, by its name, before the warm-up
    :param vaa_after: the same after it, from the same trajectories, cuts and inputs
    :param learning_rate: step size of Adam, at first; smaller than that of the settings if that
        diverged, or lost what was won
    :param vaa_star: VAA* before each gradient step, mean over the layers [n_steps]
    """

    vaa_star: list[float]

"""The settings of a warm-up and what it returns."""

from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from ..checks import check_choice, check_flag, check_integer, check_number, check_positive
from .cuts import CUTS
from .drives import DRIVES


@dataclass(frozen=True)
class WarmupConfig:
    """Settings of :func:`~warmrl.warmup.warm_up`.

    :raises ValueError: if a setting is out of its range; the message says what would be right
    :raises TypeError: if it is of another type
    """

    drive: str = "frame"
    """What the states are driven with: "frame", one input of the trajectories held constant,
    "rollout", stretches of them, or "gaussian", one constant N(0, I) input, as in the paper."""
    n_steps: int = 200
    """Gradient steps."""
    learning_rate: float = 1e-2
    """Step size of Adam, at first."""
    anneal: bool = False
    """Whether it falls linearly to zero."""
    batch_size: int = 32
    """Trajectories per gradient step."""
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
    max_grad_norm: float | None = 1.0
    """Largest norm of the gradient, None for no limit."""
    partial: bool = True
    """Whether only the first half of double layers is warmed up."""
    cut: str = "log_uniform"
    """Where trajectories are cut: "log_uniform", short prefixes as likely as long ones, or
    "uniform", as in the paper."""
    eps: float = 1e-4
    """Distance below which two states count as the same."""
    vaa_states: int = 200
    """States among which VAA is measured before and after."""
    vaa_steps: int = 200
    """Steps of constant input before VAA is measured. The paper's 10 000 takes seconds, and
    only that tells slow transients from attractors."""
    seed: int = 0
    """Seed of all that is drawn."""

    def __post_init__(self) -> None:
        for name, known in (("drive", DRIVES), ("cut", CUTS)):
            check_choice(name, getattr(self, name), sorted(known))
        for name in ("n_steps", "max_drive_steps", "vaa_states", "vaa_steps"):
            check_integer(name, getattr(self, name), 1)
        check_integer("batch_size", self.batch_size, 2)  # states are compared
        for name in ("drive_growth", "seed"):
            check_integer(name, getattr(self, name), 0)
        check_number("settle", self.settle, 0)
        for name in ("anneal", "partial"):
            check_flag(name, getattr(self, name))
        for name in ("learning_rate", "eps", "target"):
            check_positive(name, getattr(self, name))
        for name in ("max_grad_norm", "margin"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name))
        if self.margin is not None and not self.eps < self.margin:
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
            max_grad_norm=None,
        )
        return replace(theirs, **changes)


@dataclass(frozen=True)
class WarmupResult:
    """What a warm-up did.

    :param vaa_star: VAA* before each gradient step, mean over the layers [n_steps]
    :param loss: loss before each gradient step, mean over the layers [n_steps]
    :param vaa_before: VAA of each layer under a constant input, by its name, before the warm-up
    :param vaa_after: the same after it, from the same trajectories, cuts and inputs
    """

    vaa_star: list[float]
    loss: list[float]
    vaa_before: dict[str, float]
    vaa_after: dict[str, float]

    @property
    def n_steps(self) -> int:
        """Gradient steps taken."""
        return len(self.loss)

    @property
    def mean_vaa_before(self) -> float:
        """VAA before the warm-up, mean over the layers."""
        return fmean(self.vaa_before.values())

    @property
    def mean_vaa_after(self) -> float:
        """VAA after the warm-up, mean over the layers."""
        return fmean(self.vaa_after.values())

"""Settings of a consolidation."""

from dataclasses import dataclass

from ..checks import check_integer, check_number, check_positive
from .judging import Score


@dataclass(frozen=True)
class ConsolidationConfig:
    """Settings of :class:`ConsolidationCallback`.

    :raises ValueError: if a setting is out of its range; the message says what would be right
    :raises TypeError: if it is of another type
    """

    n_rounds: int = 12
    """Rounds, at most: it ends when all states are at rest."""
    n_steps: int = 30
    """Gradient steps of a round."""
    flow_steps: int = 25
    """For how long (steps) inputs are held in the first round to see where states are led."""
    flow_growth: float = 1.7
    """How much longer that is from round to round."""
    max_slip: float = 0.25
    """How far a state may be led in a round, in root mean square over units, to be followed."""
    max_change: float = 0.5
    """How much what follows the wait may change to be followed: the sum over those actions of the
    squares of the changes of their log-probabilities."""
    rest_speed: float = 1e-6
    """Largest change in a step of what is at rest."""
    min_idle: float = 0.5
    """Share of waits that must be idle for there to be anything to consolidate, 0 for always: those
    after which the same would be done if they were a single step longer."""
    n_states: int = 64
    """How many waits of the last rollout are looked at, at most."""
    learning_rate: float = 1e-3
    """Step size of Adam, at first; it falls linearly to zero in each round."""
    anchor: float = 1.0
    """Weight of the mean square change of the log-probabilities of the actions taken."""
    rehearsal: float = 1.0
    """Weight of the same for the actions that followed a wait, after a longer one."""
    n_followed: int = 8
    """How many actions after a wait, at most."""
    batch_size: int = 128
    """States per gradient step."""
    noise: float = 0.2
    """Standard deviation of the noise on h that must have died away: how wide attractors become."""
    max_hold_steps: int = 40
    """Longest time (steps) that an input is held and the gradient goes through."""
    max_drift_steps: int = 50
    """Longest time (steps) for which it has been held before, without a gradient."""
    max_grad_norm: float = 1.0
    """Largest norm of the gradient."""
    max_lost: float = 0.05
    """Share of waits that may be followed by other actions if they are longer; where it is more,
    episodes are stretched first."""
    stretch_steps: int = 100
    """By how many steps waits are longer in stretched episodes, in the end."""
    n_stretch_rounds: int = 30
    """Rounds of that, at most, 0 for none; their step size does not fall."""
    look_steps: int = 30_000
    """For how long (steps) inputs are held in the end to see whether what is remembered is lost."""
    n_restarts: int = 2
    """How often all rounds are gone through again if too much is lost in the end, at most; what has
    not made it less is taken back, and is the last."""
    seed: int = 0
    """Seed of all that is drawn."""

    def __post_init__(self) -> None:
        for name in (
            "n_rounds",
            "n_steps",
            "n_states",
            "n_followed",
            "batch_size",
            "max_hold_steps",
        ):
            check_integer(name, getattr(self, name), 1)
        check_integer("flow_steps", self.flow_steps, 2)
        for name in ("stretch_steps", "look_steps"):
            check_integer(name, getattr(self, name), 1)
        for name in ("max_lost", "min_idle"):
            check_number(name, getattr(self, name), 0, 1)
        for name in ("max_drift_steps", "n_stretch_rounds", "n_restarts"):
            check_integer(name, getattr(self, name), 0)
        check_number("flow_growth", self.flow_growth, 1)
        for name in ("max_slip", "max_change", "rest_speed", "learning_rate", "max_grad_norm"):
            check_positive(name, getattr(self, name))
        for name in ("anchor", "rehearsal", "noise"):
            check_number(name, getattr(self, name), 0)
        check_integer("seed", self.seed, 0)


@dataclass(frozen=True)
class ConsolidationResult:
    """What a consolidation came to.

    A wait is lost if other actions follow it than followed the real one once it is longer, by more
    than ``max_change``.

    :param loss: of the last gradient step
    :param n_waits: how many waits were looked at
    :param lost_before: share of them lost before it, if they were up to ``stretch_steps`` longer;
        where nothing is idle, if they were one step longer
    :param lost_after: share of them lost after it, if they were up to ``look_steps`` longer; where
        nothing is idle, what ``lost_before`` is
    :param stretched: whether stretched episodes were rehearsed
    :param learning_rate: step size at first, smaller than the configuration's if that diverged
    :param idle: whether enough of the waits are idle; otherwise nothing was done
    :param before: how the agent played before it, ``None`` if nothing was done
    :param after: how it played after it
    :param taken_back: whether that was worse, so that the agent is the one from before
    """

    loss: float
    n_waits: int
    lost_before: float
    lost_after: float
    stretched: bool
    learning_rate: float
    idle: bool = True
    before: Score | None = None
    after: Score | None = None
    taken_back: bool = False

    @property
    def kept(self) -> bool:
        """Whether the agent is a consolidated one."""
        return self.idle and not self.taken_back

    @property
    def outcome(self) -> str:
        """In a word or two."""
        if not self.idle:
            return "nothing idle"
        return "taken back" if self.taken_back else "kept"

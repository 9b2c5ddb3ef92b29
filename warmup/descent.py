"""A short gradient descent on recurrent layers, of which nothing else of the model notices."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor, nn

from ..checks import check_choice, check_flag, check_integer, check_number, check_positive
from .cuts import CUTS
from .divergence import (
    DivergedError,
    check_descent,
    differentiate,
    restored_on_error,
    restorer,
    with_smaller_steps,
)
from .drives import DRIVES
from .modes import training_mode
from .networks import Network
from .reachable import measure
from .starts import Histories


@dataclass(frozen=True)
class DescentConfig:
    """What every descent before training can be told.

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
    beta2: float = 0.999
    """Adam's decay of squared gradients."""
    batch_size: int = 32
    """Trajectories per gradient step."""
    max_grad_norm: float | None = 1.0
    """Largest norm of the gradient, None for no limit."""
    partial: bool = True
    """Whether only the first half of double layers changes."""
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
        for name in ("n_steps", "vaa_states", "vaa_steps"):
            check_integer(name, getattr(self, name), 1)
        check_integer("batch_size", self.batch_size, 2)  # states are compared
        check_integer("seed", self.seed, 0)
        for name in ("anneal", "partial"):
            check_flag(name, getattr(self, name))
        for name in ("learning_rate", "eps"):
            check_positive(name, getattr(self, name))
        check_number("beta2", self.beta2, 0)
        if self.beta2 >= 1:
            raise ValueError(f"beta2={self.beta2} must be below 1")
        if self.max_grad_norm is not None:
            check_positive("max_grad_norm", self.max_grad_norm)


@dataclass(frozen=True)
class DescentResult:
    """What a descent did.

    :param loss: loss before each gradient step [n_steps]
    :param vaa_before: VAA of each layer under a constant input, by its name, before the descent
    :param vaa_after: the same after it, from the same trajectories, cuts and inputs
    :param learning_rate: step size of Adam, at first; smaller than that of the settings if that
        diverged, or was in vain
    """

    loss: list[float]
    vaa_before: dict[str, float]
    vaa_after: dict[str, float]
    learning_rate: float

    @property
    def n_steps(self) -> int:
        """Gradient steps taken."""
        return len(self.loss)

    @property
    def mean_vaa_before(self) -> float:
        """VAA before the descent, mean over the layers."""
        return fmean(self.vaa_before.values())

    @property
    def mean_vaa_after(self) -> float:
        """VAA after the descent, mean over the layers."""
        return fmean(self.vaa_after.values())


def descend(
    name: str,
    networks: list[Network],
    histories: Histories,
    config: DescentConfig,
    objective: Callable[[int, torch.Generator], Tensor],
    on_step: Callable[[int], None],
    in_vain: Callable[[DescentResult, int], bool] | None = None,
) -> DescentResult:
    """Descend with Adam, and measure VAA before and after.

    Only parameters of ``warmed`` layers with ``requires_grad`` change; optimisers, gradients, modes
    and global random state stay as they are. If it diverges it begins again with a tenth of the
    step size, twice at most; with half of it if it was in vain.

    :param name: what errors begin with
    :param networks: whose layers change
    :param histories: from which VAA is measured
    :param config: settings
    :param objective: the loss, from the number of the step, from 0, and a generator
    :param on_step: called after every gradient step with its number, from 1
    :param in_vain: whether to begin again, from what came of it, and how often it has already
    :raises ValueError: if no parameter may change
    :raises FloatingPointError: if loss or gradient become NaN or infinite each time; as with any
        other exception on the way, the parameters are then those from before
    """
    parameters = _trainable(name, networks)
    vaa_before = _measure(networks, histories, config)
    put_back = restorer(parameters)

    def attempt(learning_rate: float) -> DescentResult:
        losses = []
        with _in_training(networks), restored_on_error(parameters):
            generator = torch.Generator().manual_seed(config.seed)
            optimiser = torch.optim.Adam(parameters, learning_rate, (0.9, config.beta2))
            for step in range(config.n_steps):
                if config.anneal:
                    rate = learning_rate * (1 - step / config.n_steps)
                    optimiser.param_groups[0]["lr"] = rate
                loss = objective(step, generator)
                differentiate(loss, parameters)
                norm = nn.utils.clip_grad_norm_(parameters, config.max_grad_norm or float("inf"))
                check_descent(name, step, learning_rate, loss, norm)
                losses.append(loss.item())
                optimiser.step()
                on_step(step + 1)
            try:
                vaa_after = _measure(networks, histories, config)
            except ValueError as error:  # the last steps broke what the next loss would have shown
                raise DivergedError(
                    f"{name}: {error} after {config.n_steps} steps; "
                    f"learning_rate={learning_rate:g} must be smaller"
                ) from error
        return DescentResult(losses, vaa_before, vaa_after, learning_rate)

    result = with_smaller_steps(attempt, config.learning_rate)
    halvings = 0
    while in_vain is not None and in_vain(result, halvings):
        put_back()
        halvings += 1
        result = with_smaller_steps(attempt, result.learning_rate / 2)
    return result


def _measure(
    networks: list[Network], histories: Histories, config: DescentConfig
) -> dict[str, float]:
    return measure(
        networks,
        histories,
        config.vaa_states,
        config.vaa_steps,
        config.seed,
        config.drive,
        config.eps,
    )


def _trainable(name: str, networks: list[Network]) -> list[nn.Parameter]:
    layers = [layer for network in networks for layer in network.layers]
    parameters = {p: None for layer in layers for p in layer.warmed.parameters()}
    trainable = [p for p in parameters if p.requires_grad]
    if not trainable:
        raise ValueError(
            f"no parameter of {', '.join(layer.name for layer in layers)} has requires_grad=True; "
            f"{name} needs at least one to change"
        )
    return trainable


@contextmanager
def _in_training(networks: list[Network]) -> Iterator[None]:
    """With gradients, and leaving modes as they were."""
    with ExitStack() as stack:
        stack.enter_context(torch.enable_grad())
        for network in networks:
            for layer in network.layers:
                # cuDNN differentiates recurrent layers in train mode only.
                stack.enter_context(training_mode(layer.whole, True))
        yield

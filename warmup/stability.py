"""Local stability: the rival of warm-up, which asks that one step neither expands nor contracts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import jacrev, vmap

from ..checks import check_positive
from .descent import DescentConfig, DescentResult, descend
from .layers import Layer, State
from .networks import Network, find_networks
from .spectra import largest_gain, spectral_radius
from .starts import Histories
from .trajectories import Trajectories


@dataclass(frozen=True)
class LocalStabilityConfig(DescentConfig):
    """Settings of :func:`~warmrl.warmup.local_stability`; ``drive`` plays a part in VAA only.

    :raises ValueError: if a setting is out of its range; the message says what would be right
    """

    time_radius: float = 1.0
    """Radius to reach from a state to the next: 1, or 1/2 in deep networks."""
    depth_radius: float = 1.0
    """Radius to reach from the input to a layer's output: 1, or 1/2 in deep networks."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("time_radius", "depth_radius"):
            check_positive(name, getattr(self, name))


@dataclass(frozen=True)
class LocalStabilityResult(DescentResult):
    """What a pre-training to local stability did.

    :param loss: loss before each gradient step [n_steps]
    :param vaa_before: VAA of each layer under a constant input, by its name, before it
    :param vaa_after: the same after it, from the same trajectories, cuts and inputs
    :param learning_rate: step size of Adam, at first; smaller than that of the settings if that
        diverged
    :param time_radius: radius in time before each gradient step, mean over states and layers
        [n_steps]
    :param depth_radius: the same in depth [n_steps]
    """

    time_radius: list[float]
    depth_radius: list[float]


def local_stability(
    target: Any,
    trajectories: Trajectories,
    config: LocalStabilityConfig | None = None,
    callback: Callable[[int, float], None] | None = None,
) -> LocalStabilityResult:
    """Pre-train the recurrent layers of a model to the Local Stability Condition.

    Descends on the mean of ``(rho(J) - rho_t)^2`` over the Jacobians J, at steps that the
    trajectories take, of each layer's state with respect to the state before (time) and of its
    output with respect to its input (depth) (Herranz-Celotti & Rouat 2023, arXiv 2308.12075).

    In time rho is the spectral radius, see :func:`~warmrl.warmup.spectra.spectral_radius`. In
    depth it is the largest singular value: those Jacobians are seldom square, and even where they
    are, they lead from one layer's units to another's, so that their eigenvalues depend on how the
    units are numbered. States are taken as they are: no gradient goes through how they were
    reached, which would also meet the condition by moving to where units saturate.

    With a radius below 1 in time a layer forgets, the opposite of what
    :func:`~warmrl.warmup.warm_up` is for. What may change, and what stays as it was, is the same as
    there.

    :param target: an SB3 model or policy with ``lstm_actor``, or a torch RNN, as for ``warm_up``
    :param trajectories: episodes of the exploration policy, see
        :func:`~warmrl.warmup.random_rollouts`
    :param config: settings; ``None`` for the defaults
    :param callback: called after every gradient step with its number, from 1, and the mean radius
        in time before it
    :return: the curves of the radii, and VAA before and after
    :raises TypeError: if the target has no recurrent network, or one whose steps have no ``step``
    :raises ValueError: if the trajectories do not fit the target, or no parameter may change
    :raises FloatingPointError: if loss or gradient become NaN or infinite, also with a hundredth of
        the step size; as with any other exception on the way, the parameters are then those from
        before
    """
    settings = config or LocalStabilityConfig()
    networks = find_networks(target, trajectories, settings.partial)
    histories = Histories.of(trajectories, settings.cut)
    in_time: list[float] = []
    in_depth: list[float] = []

    def objective(step: int, generator: torch.Generator) -> Tensor:
        del in_time[step:], in_depth[step:]  # of an attempt that diverged
        episodes, cuts = histories.draw(settings.batch_size, generator)
        layers = [radii for network in networks for radii in _radii(network, episodes, cuts)]
        radii = torch.stack(layers, dim=1)  # (2, layers, B)
        in_time.append(radii[0].mean().item())
        in_depth.append(radii[1].mean().item())
        targets = radii.new_tensor([settings.time_radius, settings.depth_radius])
        loss: Tensor = (radii - targets[:, None, None]).square().mean()
        return loss

    def on_step(step: int) -> None:
        if callback is not None:
            callback(step, in_time[-1])

    done = descend("local_stability", networks, histories, settings, objective, on_step)
    return LocalStabilityResult(**vars(done), time_radius=in_time, depth_radius=in_depth)


def _radii(network: Network, episodes: Tensor, cuts: Tensor) -> list[Tensor]:
    """Radii in time and in depth at the last step before the cuts, for every layer [2, B]."""
    radii = []
    for layer, (x, state) in zip(network.layers, network.last_steps(episodes, cuts), strict=True):
        of_input, of_state = jacobians(layer, x, state)
        radii.append(torch.stack((spectral_radius(of_state), largest_gain(of_input))))
    return radii


def jacobians(layer: Layer, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
    """Jacobians of one step of the part of a layer that is warmed up.

    :param layer: the layer
    :param x: inputs [B, I]
    :param state: ``(h, c)`` before the step, each [1, B, H]
    :return: of the output h with respect to the input [B, H, I], and of the state with respect to
        the state before [B, D, D], where D counts c if there is one
    :raises TypeError: if the layer has no ``step``
    """
    step = getattr(layer.warmed, "step", None)
    if step is None:
        raise TypeError(
            f"local_stability: {layer.name} is a {type(layer.warmed).__name__} without `step`; it "
            "must have one, (x [N, I], (h, c) of [N, H]) -> (h, c), that is differentiable twice"
        )
    width = state[0].shape[-1]

    def flat_step(x: Tensor, flat: Tensor) -> Tensor:
        h = flat[None, :width]
        c = flat[None, width:] if layer.cell_state else torch.zeros_like(h)
        return layer.flat(tuple(part[None] for part in step(x[None], (h, c))))[0]

    of_input, of_state = vmap(jacrev(flat_step, argnums=(0, 1)))(x, layer.flat(state))
    return of_input[:, :width], of_state

"""Warm-up: a short gradient descent on multistability, before any training."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ..checks import check_kind
from .config import WarmupConfig, WarmupResult
from .drives import CONSTANT_DRIVES, DRIVES
from .modes import training_mode
from .multistability import vaa_star
from .networks import Network, find_networks
from .reachable import measure
from .starts import Histories
from .trajectories import Trajectories


def warm_up(
    target: Any,
    trajectories: Trajectories,
    config: WarmupConfig | None = None,
    callback: Callable[[int, float], None] | None = None,
) -> WarmupResult:
    """Make the recurrent layers of a model multistable along trajectories.

    A layer with one attractor forgets; this descends on the distance of VAA* to its target, so that
    different histories end in different attractors (Lambrechts et al. 2023, algorithm 1). Only
    recurrent parameters with ``requires_grad`` change (of double layers, with ``partial``, only the
    first half's); optimisers, gradients, modes and global random state stay as they are.

    :param target: an SB3 model or policy with ``lstm_actor`` (and perhaps ``lstm_critic``, then
        both are warmed up), or a ``torch.nn.LSTM``, ``nn.GRU`` or ``nn.RNN``
    :param trajectories: episodes of the exploration policy, see
        :func:`~warmrl.warmup.random_rollouts`
    :param config: settings; ``None`` for those that suit the cell, :meth:`WarmupConfig.suited`
    :param callback: called after every gradient step with its number, from 1, and VAA* before it
    :return: the curve of VAA*, and VAA before and after
    :raises TypeError: if the target has no recurrent network, or trajectories or settings are of
        another type
    :raises ValueError: if the trajectories do not fit the target, or no parameter may change
    :raises FloatingPointError: if loss or gradient become NaN or infinite; as with any other
        exception on the way, the parameters are then those from before
    """
    if config is not None:
        check_kind("config", config, WarmupConfig)
    partial = True if config is None else config.partial
    networks = find_networks(target, trajectories, partial)
    if config is None:
        config = WarmupConfig.suited(networks[0].layers[0].cell_state)
    parameters = _trainable(networks)
    histories = Histories.of(trajectories, config.cut)
    vaa_before = _measure(networks, histories, config)
    vaa_curve, losses = [], []
    with _descent(networks, parameters):
        generator = torch.Generator().manual_seed(config.seed)
        optimiser = torch.optim.Adam(parameters, lr=config.learning_rate)
        for step in range(config.n_steps):
            if config.anneal:
                rate = config.learning_rate * (1 - step / config.n_steps)
                optimiser.param_groups[0]["lr"] = rate
            value, motion = _drive_batch(networks, histories, step, config, generator)  # (layers,)
            loss = ((value - config.target).square() + config.settle * motion).mean()
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
            norm = nn.utils.clip_grad_norm_(parameters, config.max_grad_norm or float("inf"))
            vaa_curve.append(value.mean().item())
            losses.append(loss.item())
            if not torch.isfinite(loss + norm):
                raise FloatingPointError(
                    f"warm_up: loss {loss.item():g} with gradient norm {norm.item():g} "
                    f"at step {step}; "
                    f"learning_rate={config.learning_rate} must be smaller"
                )
            optimiser.step()
            if callback is not None:
                callback(step + 1, vaa_curve[-1])
        vaa_after = _measure(networks, histories, config)
    return WarmupResult(vaa_curve, losses, vaa_before, vaa_after)


def _drive_batch(
    networks: list[Network],
    histories: Histories,
    step: int,
    config: WarmupConfig,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Drive one batch of trajectories.

    :return: VAA* of every layer, and the mean square motion of its states in the second half of a
        constant drive, each [layers]
    """
    episodes, cuts = histories.draw(config.batch_size, generator)
    longest = min(1 + config.drive_growth * step, config.max_drive_steps)
    n_steps = int(torch.randint(1, longest + 1, (), generator=generator))
    values, motions = [], []
    for network in networks:
        states = network.reached(episodes, cuts)
        drives = DRIVES[config.drive](network, n_steps, generator)
        for layer, state, drive in zip(network.layers, states, drives, strict=True):
            x = drive[:, None].expand(-1, len(episodes), -1)  # (n_steps, B, I)
            if config.settle and config.drive in CONSTANT_DRIVES and n_steps > 1:
                _, state = layer.warmed(x[n_steps // 2 :], state)
                midway = layer.flat(state).tanh()
                _, state = layer.warmed(x[: n_steps // 2], state)
                motions.append((layer.flat(state).tanh() - midway).square().mean())
            else:
                _, state = layer.warmed(x, state)
                motions.append(x.new_zeros(()))
            values.append(vaa_star(layer.flat(state), config.eps, config.margin))
    return torch.stack(values), torch.stack(motions)


def _measure(
    networks: list[Network], histories: Histories, config: WarmupConfig
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


def _trainable(networks: list[Network]) -> list[nn.Parameter]:
    layers = [layer for network in networks for layer in network.layers]
    parameters = {p: None for layer in layers for p in layer.warmed.parameters()}
    trainable = [p for p in parameters if p.requires_grad]
    if not trainable:
        raise ValueError(
            f"no parameter of {', '.join(layer.name for layer in layers)} has requires_grad=True; "
            "warm_up needs at least one to change"
        )
    return trainable


@contextmanager
def _descent(networks: list[Network], parameters: list[nn.Parameter]) -> Iterator[None]:
    """Leave gradients and modes as they were, and on an error the parameters too."""
    values = [p.detach().clone() for p in parameters]
    gradients = [p.grad for p in parameters]
    with ExitStack() as stack:
        stack.enter_context(torch.enable_grad())
        for network in networks:
            for layer in network.layers:
                # cuDNN differentiates recurrent layers in train mode only.
                stack.enter_context(training_mode(layer.whole, True))
        try:
            yield
        except BaseException:
            with torch.no_grad():
                for p, value in zip(parameters, values, strict=True):
                    p.copy_(value)
            raise
        finally:
            for p, gradient in zip(parameters, gradients, strict=True):
                p.grad = gradient

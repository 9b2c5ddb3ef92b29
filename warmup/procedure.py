"""Warm-up: a short gradient descent on multistability, before any training."""

from collections.abc import Callable
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from ..checks import check_kind
from .config import WarmupConfig, WarmupResult
from .descent import DescentResult, descend
from .drives import CONSTANT_DRIVES, DRIVES
from .multistability import vaa_star
from .networks import Network, find_networks
from .starts import Histories
from .trajectories import Trajectories

WINDOW = 10  # gradient steps, each with another batch and drive, for a mean of VAA*


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
    :raises FloatingPointError: if loss or gradient become NaN or infinite, also with a hundredth of
        the step size; as with any other exception on the way, the parameters are then those from
        before
    """
    if config is not None:
        check_kind("config", config, WarmupConfig)
    partial = True if config is None else config.partial
    networks = find_networks(target, trajectories, partial)
    settings = config or WarmupConfig.suited(networks[0].layers[0].cell_state)
    histories = Histories.of(trajectories, settings.cut)
    vaa_curve: list[float] = []

    def objective(step: int, generator: torch.Generator) -> Tensor:
        del vaa_curve[step:]  # of an attempt that diverged
        value, motion = _drive_batch(networks, histories, step, settings, generator)  # (layers,)
        vaa_curve.append(value.mean().item())
        return ((value - settings.target).square() + settings.settle * motion).mean()

    def on_step(step: int) -> None:
        if callback is not None:
            callback(step, vaa_curve[-1])

    def in_vain(result: DescentResult, halvings: int) -> bool:
        return halvings < settings.halvings and was_lost(vaa_curve, result.mean_vaa_after)

    done = descend("warm_up", networks, histories, settings, objective, on_step, in_vain)
    return WarmupResult(**vars(done), vaa_star=vaa_curve)


def was_lost(vaa_curve: list[float], vaa_after: float) -> bool:
    """Whether VAA* was won on the way, and is lost at the end.

    :param vaa_curve: VAA* before each gradient step
    :param vaa_after: VAA after the last
    """
    means = [fmean(vaa_curve[i : i + WINDOW]) for i in range(len(vaa_curve) - WINDOW + 1)]
    return bool(means) and max(means) / 2 > max(means[-1], vaa_after)


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

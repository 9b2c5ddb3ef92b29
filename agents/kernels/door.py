"""The one way to a kernel: checks what it is given, then runs what is compiled, or its twin.

Nothing is checked behind it, so that nothing may go around it.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from ..cells import Cell, Step, Weights
from . import plain
from .available import can_run, compiled
from .checks import (
    check_array,
    check_floating,
    check_inputs,
    check_kind,
    check_state,
    check_step,
    check_tensor,
    check_weights,
)
from .plain import Coefficients, Heads, Result, Taken

Inputs = Tensor | PackedSequence
State = tuple[Tensor, Tensor]


class Recurrence(Protocol):
    """A layer: a cell, or several side by side on the same inputs."""

    @property
    def cell(self) -> type[Cell]:
        """Of every one of them."""

    @property
    def input_size(self) -> int:
        """I."""

    @property
    def hidden_size(self) -> int:
        """H, of all cells together."""

    @property
    def side_by_side(self) -> Sequence["Recurrence"]:
        """The cells, each as a layer of its own."""

    def weights(self) -> Weights:
        """The weights of all cells as those of a single one."""


def sequence(layer: Recurrence, x: Inputs, state: State | None = None) -> tuple[Inputs, State]:
    """Run a layer over whole sequences.

    :param x: inputs [T, N, I], or packed
    :param state: ``(h, c)`` before the first step, each [1, N, H]; zeros if absent
    :return: hidden states, packed as the inputs are, and ``(h, c)`` after each sequence's last step
    :raises TypeError: if something is no tensor
    :raises ValueError: if inputs, state or weights do not fit each other
    """
    cell, halves = layer.cell, layer.side_by_side
    parts = [half.weights() for half in halves]
    like, *others = (
        check_weights(cell, part, layer.input_size, half.hidden_size)
        for part, half in zip(parts, halves, strict=True)
    )
    for other in others:
        check_kind("weights of the other half", other, like)
    n = check_inputs(x, layer.input_size, like)
    if state is None:
        h = c = like.new_zeros(n, layer.hidden_size)
    else:
        check_state(state, 1, n, layer.hidden_size, like)
        h, c = state[0][0], state[1][0]
    whole = layer.weights if len(parts) > 1 else lambda: parts[0]
    if isinstance(x, PackedSequence):
        h, c = _taken(h, x.sorted_indices), _taken(c, x.sorted_indices)
        if _fits(cell, like, n, x.data, h, c):
            out, h, c = _run(cell, parts, x.data, h, c, x.batch_sizes.tolist())
        else:
            out, h, c = plain.sequence(cell, whole(), x, h, c)
        h, c = _taken(h, x.unsorted_indices), _taken(c, x.unsorted_indices)
        return x._replace(data=out), (h[None], c[None])
    if _fits(cell, like, n, x, h, c):
        out, h, c = _run(cell, parts, x.flatten(0, 1), h, c, [n] * len(x))
        out = out.view(len(x), n, layer.hidden_size)
    else:
        out, h, c = plain.sequence(cell, whole(), x, h, c)
    return out, (h[None], c[None])


def _fits(cell: type[Cell], like: Tensor, n: int, *tensors: Tensor) -> bool:
    """Whether the compiled loop of a cell can run, and outruns torch."""
    return (
        cell.kernel is not None
        and n > 0
        and (n >= cell.kernel_from or torch.is_grad_enabled())
        and _alike(like, *tensors)
        and can_run(like)
    )


def _alike(like: Tensor, *tensors: Tensor) -> bool:
    """Whether tensors are of one type, as they may not be under autocast."""
    return all(tensor.dtype == like.dtype for tensor in tensors)


def _run(
    cell: type[Cell], parts: Sequence[Weights], x: Tensor, h: Tensor, c: Tensor, sizes: list[int]
) -> Result:
    result: Result = compiled().SEQUENCES[cell.kernel](cell, parts, x, h, c, sizes)
    return result


def _taken(state: Tensor, indices: Tensor | None) -> Tensor:
    return state if indices is None else state[indices]


def step(cell: type[Cell], weights: Weights, halves: Sequence[Weights] = ()) -> Step:
    """Single steps of weights that do not change meanwhile, ``(x, h, c) -> (h, c)``.

    :param weights: of all cells as one
    :param halves: the same of each of the cells side by side. With them steps are compiled if they
        can be, and without a gradient; without them they round as a cell's equations do
    :return: a function of inputs [N, I] and states [N, H], which raises ``TypeError`` and
        ``ValueError`` as :func:`sequence` does
    """
    (name, (_, gates)), *_ = cell.weight_shapes.items()
    n_inputs, width = _sizes(cell, weights)
    like = check_weights(cell, weights, n_inputs, width)
    run: Step | None = None
    if halves and cell.kernel is not None and can_run(like):
        of_kernel = compiled().STEPS.get(cell.kernel)
        if of_kernel is not None:
            for half in halves:
                check_weights(cell, half, n_inputs, len(half[name]) // gates)
            run = of_kernel(*(weight.detach() for weight in compiled().flat(halves)))

    known: list[Any] | None = []
    fast = False

    def checked(x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal known, fast
        if known != (kind := _kind(x, h, c)) or kind is None:
            check_step(x, h, c, n_inputs, width, like)
            fast = run is not None and len(x) > 0 and _alike(like, x, h, c)
            known = kind
        if fast and run is not None:
            return run(x, h, c)
        return cell.advance(weights, x, h, c)

    return checked


def _kind(*values: Any) -> list[Any] | None:
    """What is checked of tensors: those of a kind that was let in need no second look."""
    kind: list[Any] = []
    try:
        for value in values:
            kind += (value.shape, value.dtype, value.device)
    except AttributeError:
        return None
    return kind


def _sizes(cell: type[Cell], weights: Weights) -> tuple[int, int]:
    """I and H of a cell's weights."""
    kinds = {kind: (name, gates) for name, (kind, gates) in cell.weight_shapes.items()}
    name, gates = kinds["input"]
    return weights[name].shape[1], len(weights[name]) // gates


def heads(weights: Heads) -> Callable[[Tensor, Tensor], Result]:
    """Sampled actions [N], values [N, 1] and log-probabilities [N] of heads that do not change.

    :param weights: of the heads of actor and critic
    :return: a function of what they see [N, L], which raises ``TypeError`` and ``ValueError`` as
        this one does
    :raises TypeError: if something is no tensor
    :raises ValueError: if the weights do not fit each other
    """
    like = _check_heads(weights)
    twin = plain.heads(weights)
    act = compiled().CompiledHeads(weights) if can_run(like) else twin
    seen = (weights.actor.shape[1], weights.critic.shape[1])

    known: list[Any] | None = []
    fits = False

    def checked(latent: Tensor, critic_latent: Tensor) -> Result:
        nonlocal known, fits
        if known != (kind := _kind(latent, critic_latent)) or kind is None:
            n = _check_latents(latent, critic_latent, seen, like)
            fits = n > 0 and _alike(like, latent, critic_latent)
            known = kind
        result: Result = (act if fits else twin)(latent, critic_latent)
        return result

    return checked


def loss(
    latent: Tensor, critic_latent: Tensor, taken: Taken, coefficients: Coefficients, weights: Heads
) -> tuple[Tensor, Tensor]:
    """The loss of PPO on discrete actions, means over S steps.

    :param latent: what the actor's head sees [S, L]
    :param critic_latent: what the critic's does [S, L]
    :param taken: what the rollout says of the steps
    :param coefficients: of the loss
    :param weights: of the heads of actor and critic
    :return: the total, and without a gradient the losses of policy and value, minus the entropy,
        the clip fraction and the approximate KL [5]
    :raises TypeError: if something is no tensor
    :raises ValueError: if something does not fit the rest, or an action is none of the head's
    """
    like = _check_heads(weights)
    seen = (weights.actor.shape[1], weights.critic.shape[1])
    n = _check_latents(latent, critic_latent, seen, like)
    actions, *numbers = taken
    check_tensor("actions", actions)
    check_array("actions", actions, (n,), actions)
    if actions.dtype != torch.int64 or actions.device != like.device:
        raise ValueError(
            f"actions are {actions.dtype} on {actions.device}; they must be torch.int64 on "
            f"{like.device}"
        )
    n_actions = len(weights.actor)
    if n == 0:
        raise ValueError("a loss must be of at least one step")
    low, high = torch.stack(actions.aminmax()).tolist()  # waits for a device once
    if low < 0 or high >= n_actions:
        raise ValueError(f"actions from {low} to {high} must be from 0 to {n_actions - 1}")
    converted = []
    for name, values in zip(Taken._fields[1:], numbers, strict=True):
        check_tensor(name, values)
        number = values.to(like.dtype) if values.is_floating_point() else values
        check_array(name, number, (n,), like)
        converted.append(number.contiguous())
    taken = Taken(actions.contiguous(), *converted)
    if can_run(like) and _alike(like, latent, critic_latent):
        total, parts = compiled().DiscreteLoss.apply(
            latent, critic_latent, taken, coefficients, *weights
        )
        return total, parts
    return plain.loss(latent, critic_latent, taken, coefficients, weights)


def _check_heads(weights: Heads) -> Tensor:
    actor, actor_bias, critic, critic_bias = weights
    for name, weight in (("actor's head", actor), ("critic's head", critic)):
        check_tensor(f"weight of the {name}", weight)
        if weight.ndim != 2 or len(weight) == 0:
            raise ValueError(
                f"weight of the {name} of shape {list(weight.shape)} must be [outputs, inputs]"
            )
    check_floating("weight of the actor's head", actor)
    check_array("bias of the actor's head", actor_bias, (len(actor),), actor)
    check_array("weight of the critic's head", critic, (1, critic.shape[1]), actor)
    check_array("bias of the critic's head", critic_bias, (1,), actor)
    return actor


def _check_latents(latent: Any, critic_latent: Any, seen: tuple[int, int], like: Tensor) -> int:
    """The number of rows of what the heads see."""
    check_tensor("latent", latent)
    if latent.ndim != 2:
        raise ValueError(f"latent of shape {list(latent.shape)} must be [steps, {seen[0]}]")
    check_array("latent", latent, (len(latent), seen[0]), like)
    check_array("critic_latent", critic_latent, (len(latent), seen[1]), like)
    return len(latent)


def limited_threads() -> AbstractContextManager[Any]:
    """Hold the matrix products of kernels to the threads that torch may use.

    Around many calls of :func:`step` or :func:`sequence`; each of the latter does so by itself.
    """
    if compiled() is None:
        return nullcontext()
    limit: AbstractContextManager[Any] = compiled().as_many_threads_as_torch()
    return limit

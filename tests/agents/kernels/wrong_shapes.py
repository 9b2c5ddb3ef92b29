"""Random calls of everything that leads to a kernel, most of them wrong; run in a process of its
own by ``test_wrong_shapes.py``, since what is accepted wrongly may end it.
"""

import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from warmrl.agents import MlpRnnPolicy, kernels
from warmrl.agents.cells import CELLS
from warmrl.agents.kernels import Coefficients, Heads, Taken
from warmrl.agents.layers import RecurrentStack

DTYPES = (torch.float64, torch.float16, torch.int64, torch.bool, torch.complex64)
X, H, N, T, A = 5, 6, 4, 3, 3
Call = tuple[Callable[[], Any], bool]  # and whether it is right
counted: Counter[str] = Counter()


class Draw:
    """Values that are right or nearly so."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data

    def pick(self, *values: Any) -> Any:
        return self.data.draw(st.sampled_from(values))

    def wrong(self, often: int) -> bool:
        """Whether to make something wrong, once in so many times."""
        return bool(self.data.draw(st.integers(1, often)) == 1)

    def array(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        drawn = list(shape)
        if self.wrong(4):
            change = self.pick("size", "size", "size", "more", "fewer", "dtype")
            at = self.data.draw(st.integers(0, len(shape) - 1))
            if change == "size":
                drawn[at] = self.data.draw(st.integers(0, 2 * shape[at] + 40))
            elif change == "more":
                drawn.insert(at, self.pick(1, 2))
            elif change == "fewer":
                del drawn[at]
            else:
                dtype = self.pick(*DTYPES)
        array = torch.zeros(tuple(drawn), dtype=dtype)
        return array.t() if array.ndim == 2 and drawn[0] == drawn[1] else array


def of(shape: tuple[int, ...], *arrays: Any) -> bool:
    """Whether arrays are of a shape, and in single precision."""
    return all(
        isinstance(a, Tensor) and a.shape == shape and a.dtype == torch.float32 for a in arrays
    )


def steps(draw: Draw) -> tuple[Any, int, bool]:
    """Inputs, packed or not, how many sequences they are of, and whether they are right."""
    if draw.pick(True, False):
        x = draw.array(T, N, X)
        right = x.ndim == 3 and len(x) > 0 and of((len(x), x.shape[1], X), x)
        return x, x.shape[1] if right else N, right
    sizes = draw.pick([4, 2, 1], [4, 4, 4], [4])
    if draw.wrong(8):
        sizes = draw.data.draw(st.lists(st.integers(-2, 40), max_size=4))
    right = bool(sizes) and min(sizes) > 0 and sizes == sorted(sizes, reverse=True)
    order = None
    if draw.wrong(8):
        order = draw.data.draw(st.lists(st.integers(0, 6), max_size=6))
        right &= bool(sizes) and sorted(order) == list(range(sizes[0]))
    indices = None if order is None else torch.tensor(order, dtype=torch.int64)
    data = draw.array(max(sum(sizes), 0), X)
    right &= of((sum(sizes), X), data)
    packed = PackedSequence(data, torch.tensor(sizes, dtype=torch.int64), indices, indices)
    return packed, sizes[0] if right else N, right


def whole(draw: Draw, name: str) -> Call:
    """A layer or a stack of layers over sequences."""
    layers = draw.pick(1, 1, 2)
    stack = RecurrentStack(name, X, H, layers, draw.pick(True, False), skip=draw.pick(True, False))
    right = True
    if draw.wrong(8):
        layer = draw.pick(*stack.layers).side_by_side[-1]
        which = draw.pick(*CELLS[name].weight_shapes)
        shape = getattr(layer, which).shape
        weight = draw.array(*shape)
        right &= of(shape, weight)
        layer.register_parameter(which, nn.Parameter(weight, requires_grad=False))
    x, n, fits = steps(draw)
    right &= fits
    state: Any = None
    if draw.pick(True, True, False):
        state = (draw.array(layers, n, H), draw.array(layers, n, H))
        if draw.wrong(20):
            state = draw.pick(state[0], (state[0],), (*state, state[0]))
        right &= isinstance(state, tuple) and len(state) == 2 and of((layers, n, H), *state)
    called = draw.pick(stack, stack.layers[0]) if layers == 1 else stack
    gradient = draw.pick(True, False)

    def call() -> Any:
        with torch.set_grad_enabled(gradient):
            return called(x, state)

    return call, right


def single(draw: Draw, name: str) -> Call:
    """A single step of a layer."""
    layer = RecurrentStack(name, X, H, 1, draw.pick(True, False)).layers[0]
    x, h, c = draw.array(N, X), draw.array(N, H), draw.array(N, H)
    right = x.ndim == 2 and of((len(x), X), x) and of((len(x), H), h, c)
    kind = draw.pick("compiled", "plain", "layer")
    if kind == "layer":
        return lambda: layer.step(x, (h, c)), right
    halves = [half.weights() for half in layer.side_by_side] if kind == "compiled" else []
    return lambda: kernels.step(layer.cell, layer.weights(), halves)(x, h, c), right


def drawn_heads(draw: Draw) -> tuple[Heads, tuple[Tensor, Tensor], bool]:
    """Heads, what they see, and whether they fit."""
    weights = Heads(draw.array(A, H), draw.array(A), draw.array(1, X), draw.array(1))
    seen = draw.array(N, H), draw.array(N, X)
    right = weights.actor.ndim == weights.critic.ndim == seen[0].ndim == 2
    if right:
        (n_actions, width), n = weights.actor.shape, len(seen[0])
        other = weights.critic.shape[1]
        right = n_actions > 0 and of((n_actions, width), weights.actor)
        right &= of((n_actions,), weights.actor_bias) and of((1,), weights.critic_bias)
        right &= of((1, other), weights.critic)
        right &= of((n, width), seen[0]) and of((n, other), seen[1])
    return weights, seen, right


def heads(draw: Draw, _: str) -> Call:
    """Heads of actor and critic."""
    weights, seen, right = drawn_heads(draw)
    return lambda: kernels.heads(weights)(*seen), right


def loss(draw: Draw, _: str) -> Call:
    """The loss on discrete actions."""
    weights, seen, right = drawn_heads(draw)
    actions = draw.array(N, dtype=torch.int64)
    if draw.wrong(6) and actions.dtype == torch.int64:
        actions = actions + draw.pick(-1, A, 2**40, -(2**40))
    numbers = [draw.array(N) for _ in range(4)]
    if right:
        n = len(seen[0])
        right = n > 0 and actions.shape == (n,) and actions.dtype == torch.int64
        right &= all(a.shape == (n,) and a.is_floating_point() for a in numbers)
        right = right and int(actions.min()) >= 0 and int(actions.max()) < len(weights.actor)
    taken = Taken(actions, *numbers)
    return lambda: kernels.loss(*seen, taken, Coefficients(0.2, 0.3, 0.1, 0.5), weights), right


@cache
def policy(name: str, layers: int, separate: bool) -> MlpRnnPolicy:
    return MlpRnnPolicy(
        spaces.Box(-1.0, 1.0, (X,), np.float32),
        spaces.Discrete(A),
        lambda _: 0.0,
        cell=name,
        lstm_hidden_size=H,
        n_lstm_layers=layers,
        enable_critic_lstm=separate,
    )


def predict(draw: Draw, name: str) -> Call:
    """A policy that acts on a state of a user's."""
    layers = draw.pick(1, 2)
    own = policy(name, layers, draw.pick(True, False))
    state = [draw.array(layers, N, H).real.float() for _ in range(2)]
    arrays = state[0].numpy(), state[1].numpy()
    observation, starts = np.zeros((N, X), np.float32), np.zeros(N, np.bool_)
    return lambda: own.predict(observation, arrays, starts), of((layers, N, H), *state)


@seed(0)
@settings(
    max_examples=int(sys.argv[1]) if len(sys.argv) > 1 else 100,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.data())
def fuzz(data: st.DataObject) -> None:
    draw = Draw(data)
    kind = draw.pick(whole, whole, single, heads, loss, predict)
    call, right = kind(draw, draw.pick(*CELLS))
    refusal = ""
    try:
        call()
    except (ValueError, TypeError) as error:
        refusal = str(error)
    counted["refused" if refusal else "accepted"] += 1
    assert right == (not refusal), f"{kind.__name__}: right is {right}, and it was: {refusal!r}"


if __name__ == "__main__":
    fuzz()
    print(counted["refused"], counted["accepted"])

"""What loops over time are compiled with: numba's settings, and nonlinearities of whole vectors.

The machine's ``exp`` would be called number by number; the polynomial here lets the compiler work
on as many numbers at once as the processor has lanes.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from importlib import import_module
from typing import Any

import numba
import numpy as np
import torch
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload
from threadpoolctl import ThreadpoolController
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

# Sums may be contracted and divisions become products, but NaN and infinity stay what they are.
compiled = numba.njit(
    cache=True, error_model="numpy", fastmath={"contract", "nsz", "arcp"}, boundscheck=False
)

ONE, TWO, HALF = np.float32(1), np.float32(2), np.float32(0.5)
_LOG2_E = np.float32(1.4426950408889634)
_LIMIT = np.float32(100)  # beyond it a sigmoid is 0 or 1 in float32
_BIAS = np.float32(127)  # of a float32's exponent

# 2^x over -1/2 <= x <= 1/2, fitted by least squares at Chebyshev points; relative error 2e-8
_C1, _C2, _C3, _C4, _C5, _C6 = (
    np.float32(c)
    for c in (
        0.69314718, 0.24022646, 0.05550329, 0.009618520, 0.001339986, 0.0001533758,
    )
)  # fmt: skip


@intrinsic
def _float_of_exponent(_: Any, exponent: Any) -> Any:  # noqa: ARG001
    """2^(k - 127) of a whole float32 k: its digits are the exponent's bits."""

    def generate(_: Any, builder: Any, __: Any, values: Any) -> Any:
        whole = ir.IntType(32)
        bits = builder.shl(builder.fptosi(values[0], whole), ir.Constant(whole, 23))
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(types.float32), generate


def exp(x: float) -> float:
    """The exponential function, within compiled functions; see :func:`_exp`."""
    return float(np.exp(x))


@overload(exp, strict=False)
def _exp(x: Any) -> Callable[[Any], Any]:
    """The machine's for float64, for float32 a polynomial with an absolute error of 2e-7."""
    if x != types.float32:
        return lambda x: np.exp(x)

    def polynomial(x: Any) -> Any:
        power = x * _LOG2_E
        power = -_LIMIT if power < -_LIMIT else power  # NaN passes
        power = _LIMIT if power > _LIMIT else power
        whole = np.floor(power + HALF)
        f = power - whole
        p = ONE + f * (_C1 + f * (_C2 + f * (_C3 + f * (_C4 + f * (_C5 + f * _C6)))))
        return p * _float_of_exponent(whole + _BIAS)  # type: ignore[call-arg]

    return polynomial


@compiled
def sigmoid(x: Any) -> Any:
    """The logistic function."""
    return ONE / (ONE + exp(-x))


@compiled
def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    return ONE - TWO / (ONE + exp(TWO * x))


@compiled
def add_and_squash(gates: Any, products: Any) -> None:
    """Add what depends on the state to gates, and take their sigmoids, in place."""
    for j in range(gates.shape[0]):
        gates[j] = sigmoid(gates[j] + products[j])


@compiled
def add(total: Any, part: Any) -> None:
    """Add one vector to another, in place."""
    for j in range(total.shape[0]):
        total[j] += part[j]


def can_run_compiled(x: Tensor | PackedSequence) -> bool:
    """Whether these inputs are single or double precision on a CPU, as compiled loops need them."""
    data = x.data if isinstance(x, PackedSequence) else x
    return data.device.type == "cpu" and data.dtype in (torch.float32, torch.float64)


@cache
def _pools() -> ThreadpoolController:
    import_module("scipy.linalg.cython_blas")  # numba's matrix products; only what is loaded counts
    return ThreadpoolController()


def as_many_threads_as_torch() -> AbstractContextManager[Any]:
    """Hold the matrix products of compiled loops to the threads that torch may use."""
    limit: AbstractContextManager[Any]
    limit = _pools().limit(limits=torch.get_num_threads(), user_api="blas")
    return limit

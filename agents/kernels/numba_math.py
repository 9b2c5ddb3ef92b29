"""What loops over time are compiled with: numba's settings, and nonlinearities of whole vectors.

The machine's ``exp`` would be called number by number; the polynomial here lets the compiler work
on as many numbers at once as the processor has lanes.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils as _cgutils
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.extending import intrinsic, overload

from .cache import cached


class Apart(CompilerBase):
    """Numba's compiler, told that no two arguments overlap in memory.

    Otherwise every call checks that they do not, each array against each: on rows of some dozen
    numbers that takes longer than the work itself.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self.state.flags.noalias = True

    def define_pipelines(self) -> list[Any]:
        """As usual."""
        builder: Any = DefaultPassBuilder
        return [builder.define_nopython_pipeline(self.state)]


def _settings(**further: Any) -> Callable[[Callable[..., Any]], Any]:
    """Numba's decorator, whose results :mod:`~warmrl.agents.kernels.cache` keeps.

    Sums may be contracted and divisions become products, but NaN and infinity stay what they are.
    """
    compile_ = numba.njit(
        error_model="numpy", fastmath={"contract", "nsz", "arcp"}, boundscheck=False, **further
    )
    return lambda function: cached(compile_(function))


compiled = _settings()
_inner = partial(_settings, no_cpython_wrapper=True, no_cfunc_wrapper=True)
inner = _inner()  # what compiled functions call, and Python never
apart = _inner(pipeline_class=Apart)

cgutils: Any = _cgutils

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


def _stretch(_: Any, array: Any, row: Any, start: Any, n: Any) -> Any:  # noqa: ARG001
    """``array[row, start : start + n]``, which must be there, of rows that are contiguous.

    A slice counts its references and minds negative indices; for some dozen numbers that takes
    longer than the work on them. The array must outlive what is borrowed from it here.
    """
    kind = types.Array(array.dtype, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        of_array = context.make_array(signature.args[0])(context, builder, values[0])
        item = of_array.itemsize
        rows = builder.mul(values[1], builder.extract_value(of_array.strides, 0))
        offset = builder.add(rows, builder.mul(values[2], item))
        place = cgutils.pointer_add(builder, of_array.data, offset, of_array.data.type)
        borrowed = context.make_array(kind)(context, builder)
        context.populate_array(
            borrowed, data=place, shape=[values[3]], strides=[item], itemsize=item, meminfo=None
        )
        return borrowed._getvalue()

    return kind(array, types.intp, types.intp, types.intp), generate


stretch: Any = intrinsic(_stretch)


@inner
def sigmoid(x: Any) -> Any:
    """The logistic function."""
    return ONE / (ONE + exp(-x))


@inner
def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    return ONE - TWO / (ONE + exp(TWO * x))


@apart
def squash(gates: Any) -> None:
    """Take the sigmoids of gates, in place."""
    for j in range(gates.shape[0]):
        gates[j] = sigmoid(gates[j])


@apart
def add_and_squash(gates: Any, products: Any) -> None:
    """Add what depends on the state to gates, and take their sigmoids, in place."""
    for j in range(gates.shape[0]):
        gates[j] = sigmoid(gates[j] + products[j])


@apart
def tanh_of(x: Any, squashed: Any) -> None:
    """Write hyperbolic tangents elsewhere."""
    for j in range(x.shape[0]):
        squashed[j] = tanh(x[j])


@apart
def _copy(values: Any, to: Any) -> None:
    for j in range(values.shape[0]):
        to[j] = values[j]


@inner
def copy_rows(values: Any, to: Any) -> None:
    """Copy rows; an assignment takes seconds to compile, for what it would say if it failed.

    :param values: [n, m], rows contiguous like those of the other
    :param to: [n, m]
    """
    for k in range(values.shape[0]):
        _copy(stretch(values, k, 0, values.shape[1]), stretch(to, k, 0, values.shape[1]))


@apart
def add(total: Any, part: Any) -> None:
    """Add one vector to another, in place."""
    for j in range(total.shape[0]):
        total[j] += part[j]

"""Matrix products within compiled loops: of columns of wider matrices, added to what is there."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from .numba_math import apart, cgutils, inner, stretch


def _product(name: str, share: float, transposed: bool = False) -> Any:
    """``c = a @ b + share * c``, perhaps with a transposed, by the routine behind numba's product.

    That one writes contiguous arrays only; this one columns of wider ones too, and adds to them.
    """

    def typed(_: Any, a: Any, b: Any, c: Any) -> Any:
        if not a.dtype == b.dtype == c.dtype:
            raise TypingError(f"{a.dtype}, {b.dtype} and {c.dtype} must be of one type")
        kind = {types.float32: "s", types.float64: "d"}[c.dtype]

        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            of_a, of_b, of_c = (
                context.make_array(kind_of)(context, builder, value)
                for kind_of, value in zip(signature.args, values, strict=True)
            )
            char, pointer, size = ir.IntType(8), ir.IntType(8).as_pointer(), ir.IntType(64)
            takes = [char, char, char, size, size, size]
            takes += [pointer, pointer, size, pointer, size, pointer, pointer, size]
            routine = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(ir.IntType(32), takes), "numba_xxgemm"
            )

            def factor(number: float) -> Any:
                constant = context.get_constant(c.dtype, number)
                return builder.bitcast(cgutils.alloca_once_value(builder, constant), pointer)

            def place(array: Any) -> tuple[Any, Any]:
                row = builder.sdiv(builder.extract_value(array.strides, 0), array.itemsize)
                width = builder.extract_value(array.shape, 1)
                # The stride of a single row may be anything; the routine refuses one too small
                row = builder.select(builder.icmp_signed("<", row, width), width, row)
                return builder.bitcast(array.data, pointer), row

            def flag(letter: str) -> Any:
                return ir.Constant(char, ord(letter))

            n_rows, n_columns = (builder.extract_value(of_c.shape, axis) for axis in (0, 1))
            n_between = builder.extract_value(of_b.shape, 0)
            # The routine counts columns first: to it all are transposed, and b comes before a
            flags = (flag(kind), flag("n"), flag("t" if transposed else "n"))
            factors = (factor(1), *place(of_b), *place(of_a), factor(share), *place(of_c))
            builder.call(routine, (*flags, n_columns, n_rows, n_between, *factors))
            return context.get_dummy_value()

        return types.void(a, b, c), generate

    typed.__name__ = name
    return intrinsic(typed)


_put_large_product = _product("put_large_product", 0)  # c = a @ b
_add_large_product = _product("add_large_product", 1)  # c += a @ b
add_transposed_product = _product("add_transposed_product", 1, transposed=True)  # c += a.T @ b

FEW = 8  # rows up to which the routine would take longer to arrange b than to multiply


@inner
def put_product(a: Any, b: Any, c: Any) -> None:
    """``c = a @ b``; see :func:`add_product`."""
    if a.shape[0] > FEW:
        _put_large_product(a, b, c)
    else:
        for k in range(c.shape[0]):
            _clear(stretch(c, k, 0, c.shape[1]))
        _add_small_product(a, b, c)


@inner
def add_product(a: Any, b: Any, c: Any) -> None:
    """``c += a @ b``, of any number of rows.

    :param a: [n, m], rows contiguous like those of the others
    :param b: [m, k]
    :param c: [n, k]
    """
    if a.shape[0] > FEW:
        _add_large_product(a, b, c)
    else:
        _add_small_product(a, b, c)


@inner
def put_affine(a: Any, b: Any, offset: Any, c: Any) -> None:
    """``c = a @ b + offset``, of any number of rows; see :func:`add_product`.

    :param offset: [k]
    """
    for k in range(c.shape[0]):
        for j in range(c.shape[1]):
            c[k, j] = offset[j]
    add_product(a, b, c)


@inner
def _add_small_product(a: Any, b: Any, c: Any) -> None:
    width = c.shape[1]
    in_fours = a.shape[1] - a.shape[1] % 4
    for k in range(a.shape[0]):
        total = stretch(c, k, 0, width)
        for i in range(0, in_fours, 4):
            _add_four(
                total,
                a[k, i],
                a[k, i + 1],
                a[k, i + 2],
                a[k, i + 3],
                stretch(b, i, 0, width),
                stretch(b, i + 1, 0, width),
                stretch(b, i + 2, 0, width),
                stretch(b, i + 3, 0, width),
            )
        for i in range(in_fours, a.shape[1]):
            _add_one(total, a[k, i], stretch(b, i, 0, width))


@apart
def _clear(values: Any) -> None:
    for j in range(values.shape[0]):
        values[j] = 0


@apart
def _add_four(
    total: Any, p: Any, q: Any, r: Any, s: Any, of_p: Any, of_q: Any, of_r: Any, of_s: Any
) -> None:
    for j in range(total.shape[0]):
        total[j] += p * of_p[j] + q * of_q[j] + r * of_r[j] + s * of_s[j]


@apart
def _add_one(total: Any, p: Any, of_p: Any) -> None:
    for j in range(total.shape[0]):
        total[j] += p * of_p[j]

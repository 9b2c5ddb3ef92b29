"""Spaces survive JSON, to the last bit of their bounds."""

import json
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from warmrl.agents.space_json import space_from_json, space_to_json


@st.composite
def boxes(draw: st.DrawFn) -> spaces.Box:
    shape = draw(array_shapes(min_dims=0, max_dims=3, max_side=3))
    dtype: Any = draw(st.sampled_from([np.float32, np.float64, np.uint8, np.int64]))
    if np.issubdtype(dtype, np.integer):
        info = np.iinfo(dtype)
        bounds: st.SearchStrategy[Any] = st.integers(int(info.min), int(info.max))
    else:
        bounds = st.floats(allow_nan=False, width=32 if dtype == np.float32 else 64)
    a, b = (draw(arrays(dtype, shape, elements=bounds)) for _ in range(2))
    low, high = np.minimum(a, b), np.maximum(a, b)
    if np.issubdtype(dtype, np.floating):  # no bound may be infinite on the wrong side
        low, high = np.where(low == np.inf, 0, low), np.where(high == -np.inf, 0, high)
        low = np.minimum(low, high)
    return spaces.Box(low.astype(dtype), high.astype(dtype), shape, dtype)


integers = st.sampled_from([np.int64, np.int32])
discrete = st.builds(
    lambda n, start: spaces.Discrete(n, start=start), st.integers(1, 9), st.integers(-5, 5)
)
multi_discrete = st.builds(
    lambda nvec, start, dtype: spaces.MultiDiscrete(nvec, dtype=dtype, start=nvec * 0 + start),
    arrays(np.int64, array_shapes(max_dims=2, max_side=3), elements=st.integers(1, 9)),
    st.integers(-5, 5),
    integers,
)
multi_binary = st.builds(
    spaces.MultiBinary, st.integers(1, 9) | st.lists(st.integers(1, 3), min_size=1, max_size=3)
)
flat = st.one_of(boxes(), discrete, multi_discrete, multi_binary)
names = st.text("abcxyz", min_size=1, max_size=3)
any_space = st.recursive(
    flat,
    lambda inner: st.builds(
        lambda parts: spaces.Dict(list(parts.items())),
        st.dictionaries(names, inner, min_size=1, max_size=3),
    ),
    max_leaves=4,
)


def same(a: spaces.Space[Any], b: spaces.Space[Any]) -> bool:
    """Equal to the last bit, unlike ``==``, for which nearly equal bounds are enough."""
    if isinstance(a, spaces.Dict) and isinstance(b, spaces.Dict):
        return list(a.spaces) == list(b.spaces) and all(same(a[key], b[key]) for key in a.spaces)
    if isinstance(a, spaces.Box) and isinstance(b, spaces.Box):
        return a == b and bool((a.low == b.low).all() and (a.high == b.high).all())
    return bool(a == b)


@settings(max_examples=200, deadline=None)
@given(space=any_space)
def test_a_space_comes_back_the_same(space: spaces.Space[Any]) -> None:
    back = space_from_json(json.loads(json.dumps(space_to_json(space), allow_nan=False)))
    assert same(back, space), f"{back} is not {space}"


def test_the_order_of_a_dict_is_kept() -> None:
    """Features are joined in that order."""
    part = spaces.Discrete(2)
    space = spaces.Dict([("z", part), ("a", part)])
    back = space_from_json(space_to_json(space))
    assert isinstance(back, spaces.Dict)
    assert list(back.spaces) == ["z", "a"]


def test_other_spaces_are_refused() -> None:
    for space in (spaces.Text(3), spaces.Dict({"inner": spaces.Tuple([spaces.Discrete(2)])})):
        with pytest.raises(ValueError, match="cannot be saved; it must be a Box, Discrete"):
            space_to_json(space)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"type": "Tuple"},
        {"type": None},
        {"type": "Discrete"},
        {"type": "Discrete", "n": 0, "start": 0},
        {"type": "Discrete", "n": "two", "start": 0},
        {"type": "Box", "low": 0, "high": 1, "shape": [2], "dtype": "colour"},
        {"type": "Box", "low": [0, 0, 0], "high": 1, "shape": [2], "dtype": "float32"},
        {"type": "Box", "low": "a", "high": 1, "shape": [2], "dtype": "float32"},
        {"type": "MultiDiscrete", "nvec": [0]},
        {"type": "MultiDiscrete", "nvec": None},
        {"type": "MultiBinary", "n": "many"},
        {"type": "Dict", "spaces": {"a": {"type": "Tuple"}}},
        {"type": "Dict", "spaces": [1]},
        "Box",
        None,
        [],
    ],
    ids=repr,
)
def test_descriptions_of_no_space_are_refused(data: Any) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        space_from_json(data)

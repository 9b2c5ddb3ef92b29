"""Observations of any structure, as Stable-Baselines3 reads them."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from warmrl.envs.readable import SMALLEST_IMAGE, ReadableObservation, make_readable


class Showing(gym.Env[Any, Any]):
    """Shows one observation.

    :param space: its space
    :param observation: what is shown
    """

    action_space = spaces.Discrete(2)

    def __init__(self, space: spaces.Space[Any], observation: Any = None) -> None:
        self.observation_space = space
        self.shown = observation

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        return self.shown, {}


def image(*shape: int) -> spaces.Box:
    return spaces.Box(0, 255, shape, np.uint8)


def read(space: spaces.Space[Any], observation: Any) -> tuple[spaces.Space[Any], Any]:
    env = ReadableObservation(Showing(space, observation))
    shown, _ = env.reset()
    return env.observation_space, shown


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-1, 1, (3,)),
        spaces.Box(0, 1, (4, 5, 3)),
        image(SMALLEST_IMAGE, 40, 3),
        image(3, 40, SMALLEST_IMAGE),
        image(84, 84, 12),
        image(100),
        spaces.Discrete(3),
        spaces.MultiDiscrete([2, 3]),
        spaces.MultiBinary(4),
        spaces.Dict({"a": spaces.Discrete(3), "b": image(40, 40, 1)}),
    ],
)
def test_what_is_readable_stays_as_it_is(space: spaces.Space[Any]) -> None:
    env = Showing(space)
    assert make_readable(env) is env


@pytest.mark.parametrize("shape", [(2, 2, 3), (4, 3, 1), (3, 5, 4), (3, 4, 5), (1, 2, 2)])
def test_small_images_are_vectors(shape: tuple[int, ...]) -> None:
    n = int(np.prod(shape))
    space, shown = read(image(*shape), np.arange(n, dtype=np.uint8).reshape(shape) * 4)
    assert space == spaces.Box(0, 1, (n,), np.float32)
    np.testing.assert_allclose(shown, np.arange(n) * 4 / 255, rtol=1e-6)


@pytest.mark.parametrize("shape", [(7, 7, 20), (9, 7, 20), (4, 4, 20), (11, 7, 7)])
def test_small_images_of_other_channels_keep_their_numbers(shape: tuple[int, ...]) -> None:
    space, shown = read(image(*shape), np.full(shape, 2, np.uint8))
    assert space == spaces.Box(0, 255, (int(np.prod(shape)),), np.float32)
    assert (shown == 2).all()


def test_small_images_that_are_one_hot_keep_their_ones() -> None:
    pixels = np.eye(20, dtype=np.uint8)[[[3, 4], [5, 19]]]
    space, shown = read(image(2, 2, 20), pixels)
    assert space == spaces.Box(0, 255, (80,), np.float32)
    assert np.flatnonzero(shown).tolist() == [3, 24, 45, 79]
    assert shown.max() == 1


def test_numbers_start_at_zero() -> None:
    assert read(spaces.Discrete(3, start=5), 6) == (spaces.Discrete(3), 1)
    numbers = spaces.MultiDiscrete([2, 3], start=[1, -1])
    space, shown = read(numbers, np.array([2, -1]))
    assert space == spaces.MultiDiscrete([2, 3])
    assert shown.tolist() == [1, 0]


def test_one_level_of_parts() -> None:
    space = spaces.Dict(
        {
            "inner": spaces.Dict({"n": spaces.Discrete(3), "word": spaces.Text(5)}),
            "pair": spaces.Tuple([spaces.Discrete(2), spaces.MultiBinary(2)]),
        }
    )
    bits = np.array([0, 1], np.int8)
    env = ReadableObservation(Showing(space, {"inner": {"n": 2, "word": "a"}, "pair": (1, bits)}))
    assert env.left_out == ("inner/word",)
    parts = {"inner/n": spaces.Discrete(3), "pair/0": spaces.Discrete(2)}
    assert env.observation_space == spaces.Dict(parts | {"pair/1": spaces.MultiBinary(2)})
    shown, _ = env.reset()
    assert shown == {"inner/n": 2, "pair/0": 1, "pair/1": bits}


def test_a_space_of_text_of_another_package() -> None:
    class Mission(spaces.Space[str]):
        def __init__(self) -> None:
            super().__init__(dtype=str)

    env = ReadableObservation(Showing(spaces.Dict({"n": spaces.Discrete(2), "go": Mission()})))
    assert env.left_out == ("go",)


@pytest.mark.parametrize("space", [spaces.Text(3), spaces.Dict({"word": spaces.Text(3)})])
def test_nothing_but_text(space: spaces.Space[Any]) -> None:
    with pytest.raises(ValueError, match=r"^observations are .*Text\(.*; they must be numbers$"):
        make_readable(Showing(space))


def test_what_has_no_features_extractor_is_named() -> None:
    cards = spaces.Sequence(spaces.Discrete(3))
    with pytest.raises(ValueError, match=r"^observations are Sequence.*; they must be one of Box"):
        make_readable(Showing(cards))
    with pytest.raises(ValueError, match=r"^observation 'hand/cards' is Sequence\(.*; they must"):
        make_readable(Showing(spaces.Dict({"hand": spaces.Dict({"cards": cards})})))


SIMPLE = st.one_of(
    st.integers(1, 5).map(spaces.Discrete),
    st.tuples(st.integers(1, 5), st.integers(-3, 3)).map(
        lambda x: spaces.Discrete(x[0], start=x[1])
    ),
    st.lists(st.integers(1, 4), min_size=1, max_size=3).map(spaces.MultiDiscrete),
    st.integers(1, 4).map(spaces.MultiBinary),
    st.tuples(st.integers(1, 50), st.integers(1, 50), st.sampled_from([1, 3, 7])).map(
        lambda shape: image(*shape)
    ),
)
NESTED: st.SearchStrategy[Any] = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(spaces.Tuple),
        st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3).map(spaces.Dict),
    ),
    max_leaves=5,
)


@given(space=NESTED, seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_whatever_is_shown_is_of_the_space_that_is_stated(
    space: spaces.Space[Any], seed: int
) -> None:
    space.seed(seed)
    stated, shown = read(space, space.sample())
    assert stated.contains(shown)
    again = ReadableObservation(Showing(stated))
    assert again.observation_space == stated

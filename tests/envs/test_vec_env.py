"""`make_vec_env` in place of Stable-Baselines3's function of the same name."""

from __future__ import annotations

import importlib
from importlib.util import find_spec as find_module
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.wrappers import RecordEpisodeStatistics
from stable_baselines3.common import env_util
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv

from warmrl.envs import MemoryEnv, MemoryVecEnv, TMaze, make_vec_env
from warmrl.tests.training.strangers import Noise

MAZE = "warmrl/TMaze-v0"
STEPS = 4


def registered() -> list[str]:
    """Every id of Gymnasium and of what else is installed, but not ours."""
    for package in ("popgym", "minigrid"):
        if find_module(package) is not None:
            importlib.import_module(package)
    return sorted(env_id for env_id in gym.registry if not env_id.startswith("warmrl/"))


def played(env: VecEnv) -> list[Any]:
    """What a few steps show, and how the environments are rendered and seeded."""
    seen: list[Any] = [env.render_mode, env.env_is_wrapped(Monitor), env.reset()]
    seen.append([space.sample() for space in env.get_attr("action_space")])
    env.action_space.seed(0)
    for _ in range(STEPS):
        seen.append(env.step(np.array([env.action_space.sample() for _ in range(env.num_envs)])))
    env.close()
    return seen


def equal(left: Any, right: Any) -> bool:
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(
            equal(left[key], right[key]) for key in left.keys() - {"episode"}
        )
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, np.ndarray) and left.dtype.kind == "f":
        return left.dtype == right.dtype and np.array_equal(left, right, equal_nan=True)
    return bool(np.all(left == right))


@pytest.mark.filterwarnings("ignore")  # of old versions, and of what others' games show
def test_every_id_that_sb3_makes_is_made_in_the_same_way() -> None:
    made, differs = 0, []
    for env_id in registered():
        try:
            theirs = env_util.make_vec_env(env_id, 2, seed=3)
            expected = played(theirs)
        except Exception:
            continue
        made += 1
        ours = make_vec_env(env_id, 2, seed=3)
        seen = played(ours)
        if isinstance(theirs.observation_space, spaces.Tuple):  # which no policy reads
            assert isinstance(ours.observation_space, spaces.Dict)
            expected[2] = {str(i): part for i, part in enumerate(expected[2])}
            expected, seen = expected[:4], seen[:4]
        elif ours.observation_space != theirs.observation_space:
            differs.append(env_id)
        if not equal(seen, expected):
            differs.append(env_id)
    assert differs == []
    assert made >= 10 + 42 * (find_module("popgym") is not None)


class Base(gym.Env[Any, Any]):
    """Says that it renders."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 4}  # noqa: RUF012
    observation_space = spaces.Box(-1, 1, (2,))
    action_space = spaces.Discrete(2)

    def __init__(self, render_mode: str | None = None, width: int = 1) -> None:
        self.render_mode, self.width = render_mode, width

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return np.zeros(2, np.float32), 1.0, False, False, {}


class Inherits(Base):
    """Takes no render mode, but for the words of its base."""

    def __init__(self, width: int = 1) -> None:
        super().__init__(width=width)


class Strict(Base):
    """Has a render mode, but not that of SB3."""

    metadata = {"render_modes": ["human"], "render_fps": 4}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None, width: int = 1) -> None:
        assert render_mode is None or render_mode in self.metadata["render_modes"]
        super().__init__(render_mode, width)


class Wrapping(gym.Wrapper[Any, Any, Any, Any]):
    """An entry point whose metadata are those of an instance."""

    def __init__(self, render_mode: str | None = None, width: int = 1) -> None:
        super().__init__(Base(render_mode, width))


def by_function(**arguments: Any) -> gym.Env[Any, Any]:
    return Base(**arguments)


@pytest.fixture
def an_id(request: pytest.FixtureRequest) -> Any:
    """An entry point under an id that no other test knows."""
    gym.register("rendering/Any-v0", request.param)
    yield "rendering/Any-v0"
    del gym.registry["rendering/Any-v0"]


@pytest.mark.parametrize(
    ("an_id", "mode"),
    [
        (Base, "rgb_array"),
        (Inherits, None),
        (Strict, None),
        (Wrapping, "rgb_array"),
        (by_function, "rgb_array"),
        (f"{__name__}:Base", "rgb_array"),
        (f"{__name__}:Inherits", None),
    ],
    indirect=["an_id"],
)
def test_it_is_rendered_where_it_can_be(an_id: str, mode: str | None) -> None:
    env = make_vec_env(an_id, 2, seed=0, width=3)
    assert env.get_attr("render_mode") == [mode] * 2
    assert env.get_attr("width") == [3, 3]


@pytest.mark.parametrize("an_id", [Base], indirect=True)
def test_a_wrong_argument_is_named(an_id: str) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'height'"):
        make_vec_env(an_id, 1, height=3)


def test_the_newest_version_is_made_without_one() -> None:
    with pytest.warns(UserWarning, match="latest versioned environment `CartPole-v1`"):
        env = make_vec_env("CartPole", 1)
    assert env.get_attr("spec")[0].id == "CartPole-v1"


def test_an_old_version_is_made_and_gymnasium_says_so() -> None:
    with pytest.warns(DeprecationWarning, match="CartPole-v0 is out of date"):
        env = make_vec_env("CartPole-v0", 1)
    assert env.get_attr("spec")[0].id == "CartPole-v0"


@pytest.mark.parametrize("env_id", ["CartPole-v1", MAZE])
def test_arguments_of_gymnasiums_own(env_id: str) -> None:
    for given in ({"max_episode_steps": 3}, {"env_kwargs": {"max_episode_steps": 3}}):
        env = make_vec_env(env_id, 2, seed=0, **given)
        env.reset()
        dones = [env.step(np.zeros(2, np.int64))[2].tolist() for _ in range(3)]
        assert dones == [[False, False], [False, False], [True, True]]


def test_a_class_or_a_function_makes_environments() -> None:
    env = make_vec_env(Noise, 2, seed=0, seen="pair")  # which SB3 alone shows to no policy
    assert isinstance(env.observation_space, spaces.Dict)
    assert make_vec_env(lambda: Noise(seen="bits"), 1).observation_space == spaces.MultiBinary(3)
    with pytest.raises(ValueError, match="env_id='Noise': observations are Text"):
        make_vec_env(Noise, 1, seen="text")


def test_arguments_in_a_mapping_and_beside_it() -> None:
    for given in ({"length": 7}, {"env_kwargs": {"length": 7}}):
        env = make_vec_env(MAZE, seed=0, **given)
        assert isinstance(env, MemoryVecEnv)
        assert (env.task, env.num_envs, env.render_mode) == (TMaze(7), 1, "rgb_array")
    env = make_vec_env(MAZE, env_kwargs={"length": 7}, stochasticity=0.5, env_wrapper=())
    assert env.get_attr("task") == [TMaze(7, 0.5)]
    with pytest.raises(TypeError, match="length: given twice, in env_kwargs and beside it"):
        make_vec_env(MAZE, 1, length=7, env_kwargs={"length": 7})
    with pytest.raises(TypeError, match="env_kwargs is of type int; it must be Mapping"):
        make_vec_env(MAZE, 1, env_kwargs=3)


@pytest.mark.parametrize("env_id", ["CartPole-v1", MAZE])
def test_options_of_sb3s_function_do_what_they_do_there(env_id: str, tmp_path: Path) -> None:
    env = make_vec_env(
        env_id,
        2,
        seed=0,
        start_index=3,
        monitor_dir=str(tmp_path),
        wrapper_class=RecordEpisodeStatistics,
        wrapper_kwargs={"buffer_length": 5},
        monitor_kwargs={"info_keywords": ()},
        vec_env_cls=DummyVecEnv,
        vec_env_kwargs={},
    )
    assert isinstance(env, DummyVecEnv)
    assert env.env_is_wrapped(RecordEpisodeStatistics) == [True, True]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3.monitor.csv", "4.monitor.csv"]
    spaces_of = env.get_attr("action_space")
    for rank, space in zip((3, 4), spaces_of, strict=True):
        space_of_rank = gym.make(env_id).action_space
        space_of_rank.seed(rank)
        assert space.sample() == space_of_rank.sample()
    env.close()


def test_ours_one_by_one_are_those_of_gymnasium() -> None:
    env = make_vec_env(MAZE, 2, seed=0, length=4, vec_env_cls=DummyVecEnv)
    assert isinstance(env, DummyVecEnv)
    assert [type(one.unwrapped) for one in env.envs] == [MemoryEnv, MemoryEnv]
    assert env.get_attr("task") == [TMaze(4)] * 2
    assert env.get_attr("exploration_policy") == [TMaze.exploration_policy] * 2


def test_an_option_that_is_not_given_changes_nothing() -> None:
    options: dict[str, Any] = {"monitor_dir": None, "vec_env_kwargs": {}, "start_index": 0}
    assert isinstance(make_vec_env(MAZE, 1, **options), MemoryVecEnv)


def test_ours_one_by_one_are_on_the_cpu() -> None:
    with pytest.raises(ValueError, match="device='meta' must be 'cpu' together with vec_env_cls"):
        make_vec_env(MAZE, 1, device="meta", vec_env_cls=DummyVecEnv)
    with pytest.raises(ValueError, match="'cpu' together with max_episode_steps"):
        make_vec_env(MAZE, 1, device="meta", max_episode_steps=3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env_id", "given"),
    [(MAZE, {"length": 4}), (Noise, {"seen": "pair"}), ("popgym-RepeatFirstEasy-v0", {})],
)
def test_processes_of_their_own(env_id: Any, given: dict[str, Any]) -> None:
    if str(env_id).startswith("popgym") and find_module("popgym") is None:
        pytest.skip("needs the extra popgym")
    options: dict[str, Any] = {"vec_env_kwargs": {"start_method": "spawn"}}
    env = make_vec_env(env_id, 2, seed=0, vec_env_cls=SubprocVecEnv, **options, **given)
    alike = make_vec_env(env_id, 2, seed=0, vec_env_cls=DummyVecEnv, **given)
    seen, expected = played(env), played(alike)
    assert equal(seen[:4], expected[:4])
    for step, other in zip(seen[4:], expected[4:], strict=True):
        assert equal(step[0], other[0])
        assert step[1] == pytest.approx(other[1])  # float64 from processes

"""What wrappers, callbacks and algorithms of Stable-Baselines3 do with a vector environment."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    VecCheckNan,
    VecEnv,
    VecEnvWrapper,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
    VecVideoRecorder,
    is_vecenv_wrapped,
    sync_envs_normalization,
    unwrap_vec_normalize,
)

from warmrl.envs import MemoryEnv, MemoryVecEnv, TensorVecEnv, TMaze

N = 3
Kind = Callable[..., Any]
KINDS: dict[str, Kind] = {
    "arrays": MemoryVecEnv,
    "tensors": partial(TensorVecEnv, device="cpu"),
}
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@every_kind
@pytest.mark.parametrize(
    "form",
    [
        list,
        tuple,
        *(partial(np.array, dtype=kind) for kind in (np.int8, np.uint8, np.int32, np.uint64)),
        *(partial(torch.tensor, dtype=kind) for kind in (torch.uint8, torch.int32, torch.int64)),
        lambda actions: [np.int32(action) for action in actions],
        lambda actions: np.array(actions)[::-1].copy()[::-1],
    ],
)
def test_integers_of_any_form_are_actions(kind: Kind, form: Callable[..., Any]) -> None:
    env, plain = kind(TMaze(4), N, seed=0), kind(TMaze(4), N, seed=0)
    env.reset()
    plain.reset()
    for actions in ([0, 0, 2], [0, 1, 3], [3, 0, 0]):
        assert np.array_equal(env.step(form(actions))[0], plain.step(np.array(actions))[0])


@every_kind
@pytest.mark.parametrize(
    ("actions", "error", "message"),
    [
        ([0.0, 1.0, 2.0], TypeError, "actions of dtype float64 must be integers"),
        (np.zeros(3, np.float32), TypeError, "actions of dtype float32 must be integers"),
        (torch.zeros(3), TypeError, "actions of dtype float32 must be integers"),
        ([True, False, True], TypeError, "actions of dtype bool must be integers"),
        (["0", "1", "2"], TypeError, "actions of dtype .* must be integers"),
        (None, TypeError, "actions of dtype object must be integers"),
        ([0, 1], ValueError, r"actions of shape \(2,\) must have shape \(3,\)"),
        (0, ValueError, r"actions of shape \(\) must have shape \(3,\)"),
        ([[0], [1], [2]], ValueError, r"actions of shape \(3, 1\) must have shape \(3,\)"),
        ([0, 4, 1], ValueError, "action=4 must lie in 0..3"),
        (torch.tensor([0, 1, -1]), ValueError, "action=-1 must lie in 0..3"),
        (np.array([0, 1, 2**64 - 1], np.uint64), ValueError, "must lie in 0..3"),
    ],
)
def test_other_actions_are_refused_and_nothing_is_stepped(
    kind: Kind, actions: Any, error: type[Exception], message: str
) -> None:
    env, plain = kind(TMaze(4), N, seed=0), kind(TMaze(4), N, seed=0)
    env.reset()
    plain.reset()
    with pytest.raises(error, match=message) as caught:
        env.step(actions)
    assert "\n" not in str(caught.value)
    assert np.array_equal(env.step([0, 2, 1])[0], plain.step([0, 2, 1])[0])


@every_kind
def test_infos_are_dicts_of_their_own(kind: Kind) -> None:
    env = kind(TMaze(4), N, seed=0)
    env.reset()
    infos = env.step([0, 0, 0])[3]
    infos[1]["note"] = 1
    assert infos == [{}, {"note": 1}, {}]
    assert env.step([0, 0, 0])[3] == [{}] * N
    assert env.reset_infos == [{}] * N


@every_kind
@pytest.mark.parametrize(
    ("indices", "n"),
    [
        (None, 3),
        (1, 1),
        (-1, 1),
        (np.int64(2), 1),
        ([0, 2], 2),
        ((1,), 1),
        (range(3), 3),
        (np.array([0, 1]), 2),
        ([], 0),
    ],
)
def test_environments_are_picked_as_lists_are(kind: Kind, indices: Any, n: int) -> None:
    env = kind(TMaze(4), N)
    assert env.get_attr("length", indices) == [4] * n
    assert env.get_attr("num_envs", indices=indices) == [N] * n
    assert env.env_method("with_delay", 5, indices=indices) == [TMaze(5)] * n
    assert env.env_is_wrapped(Monitor, indices) == [True] * n
    assert env.env_is_wrapped(VecEnvWrapper, indices=indices) == [False] * n


@every_kind
@pytest.mark.parametrize("indices", [3, -4, [0, 3]])
def test_there_are_no_others(kind: Kind, indices: Any) -> None:
    env = kind(TMaze(4), N)
    asked: tuple[Callable[[], Any], ...] = (
        lambda: env.get_attr("length", indices),
        lambda: env.env_method("with_delay", 5, indices=indices),
        lambda: env.env_is_wrapped(Monitor, indices),
        lambda: env.set_attr("length", 5, indices),
    )
    for ask in asked:
        with pytest.raises(IndexError):
            ask()


@every_kind
def test_what_it_has_and_has_not(kind: Kind) -> None:
    env = kind(TMaze(4), N)
    for name in ("length", "delay", "task", "optimal_return", "num_envs", "exploration_policy"):
        assert env.has_attr(name)
    for name in ("action_masks", "lenght", "spec"):
        assert not env.has_attr(name)
        with pytest.raises(AttributeError, match=f"has no attribute '{name}'"):
            env.get_attr(name)
    assert env.getattr_depth_check("num_envs", already_found=False) is None
    assert env.getattr_depth_check("num_envs", already_found=True) is not None
    assert env.getattr_depth_check("action_masks", already_found=True) is None
    assert env.unwrapped is env


@every_kind
def test_seeds(kind: Kind) -> None:
    env = kind(TMaze((2, 50)), N, seed=3)
    first = env.reset()
    assert env.seed(np.int64(3)) == [3, 4, 5]
    assert np.array_equal(env.reset(), first)
    assert all(isinstance(seed, int) for seed in env.seed())
    for wrong, error in ((-1, ValueError), (1.5, TypeError), ([1, 2, 3], TypeError)):
        with pytest.raises(error, match="seed=.* must be a") as caught:
            env.seed(wrong)
        assert "\n" not in str(caught.value)


@every_kind
def test_options_of_a_reset_are_forgotten_by_it(kind: Kind) -> None:
    env = kind(TMaze(4), N, seed=3)
    env.set_options({"anything": 1})
    env.reset()
    assert env._options == [{}] * N


WRAPPERS: dict[str, Callable[[VecEnv], VecEnv]] = {
    "VecNormalize": VecNormalize,
    "VecFrameStack": partial(VecFrameStack, n_stack=4),
    "VecCheckNan": VecCheckNan,
    "VecMonitor": VecMonitor,
}


@every_kind
@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.filterwarnings("ignore:The environment is already wrapped with a `Monitor`")
def test_under_sb3s_wrappers(kind: Kind, wrapper: str) -> None:
    """As `DummyVecEnv` is, whose episodes start alike where nothing is drawn but the cue."""
    env = WRAPPERS[wrapper](kind(TMaze(2), N, seed=0))
    singles = [MemoryEnv(TMaze(2)) for _ in range(N)]
    dummy = WRAPPERS[wrapper](DummyVecEnv([partial(Monitor, single) for single in singles]))
    ours, theirs = np.asarray(env.reset()), np.asarray(dummy.reset())
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    for _ in range(12):
        actions = np.full(N, 2)
        seen, rewards, dones, infos = env.step(actions)
        others, their_rewards, their_dones, their_infos = dummy.step(actions)
        assert np.asarray(seen).shape == np.asarray(others).shape
        assert rewards == pytest.approx(their_rewards, abs=1e-6)
        assert dones.tolist() == their_dones.tolist()
        for info, other in zip(infos, their_infos, strict=True):
            if "episode" in other:
                assert info.keys() == other.keys()
                assert info["episode"]["r"] == pytest.approx(other["episode"]["r"])
                assert info["episode"]["l"] == other["episode"]["l"] == 5
                shapes = [each["terminal_observation"].shape for each in (info, other)]
                assert shapes[0] == shapes[1]
    assert env.get_attr("length") == [2] * N
    assert env.unwrapped is not env
    env.close()
    env.close()


def test_normalisation_is_shared_between_training_and_evaluation() -> None:
    env, other = (VecNormalize(MemoryVecEnv(TMaze(2), N, seed=0)) for _ in "ab")
    learned: Any = env
    env.reset()
    env.step(np.zeros(N, dtype=np.int64))
    sync_envs_normalization(env, other)
    copied: Any = other
    assert np.array_equal(copied.obs_rms.mean, learned.obs_rms.mean)
    assert unwrap_vec_normalize(env) is env
    assert is_vecenv_wrapped(env, VecNormalize)


class Predicting:
    """A policy that always goes left."""

    def predict(self, observation: Any, **_: Any) -> tuple[Any, None]:
        return np.full(len(observation), 2), None


@every_kind
def test_a_policy_is_evaluated_on_it(kind: Kind) -> None:
    model: Any = Predicting()
    returns, lengths = evaluate_policy(
        model, kind(TMaze(2), N, seed=0), n_eval_episodes=5, return_episode_rewards=True
    )
    assert lengths == [5] * 5
    assert returns == pytest.approx([-0.5] * 5)


@pytest.mark.skipif(find_spec("moviepy") is None, reason="needs moviepy")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_it_is_filmed(tmp_path: Path) -> None:
    env = VecVideoRecorder(
        MemoryVecEnv(TMaze(3), 2, seed=0, render_mode="rgb_array"),
        str(tmp_path),
        record_video_trigger=lambda step: step == 0,
        video_length=3,
    )
    env.reset()
    for _ in range(4):
        env.step(np.zeros(2, dtype=np.int64))
    env.close()
    assert [path.suffix for path in tmp_path.iterdir()] == [".mp4"]


def test_a_film_has_the_speed_of_single_environments() -> None:
    env = MemoryVecEnv(TMaze(3), 2, render_mode="rgb_array")
    assert env.metadata["render_fps"] == MemoryEnv.metadata["render_fps"]
    assert "rgb_array" in env.metadata["render_modes"]

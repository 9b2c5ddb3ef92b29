"""Random rollouts: the same from every kind of environment, whole episodes, only the given seed."""

import random
from collections.abc import Callable
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import DummyVecEnv, VecCheckNan

from warmrl.envs import make_vec_env
from warmrl.warmup import Trajectories, random_rollouts

Env = gymnasium.Env[Any, Any]
SHELLS = pytest.mark.parametrize(
    "shell", [lambda f: f(), lambda f: SyncVectorEnv([f, f]), lambda f: DummyVecEnv([f, f])]
)


class Countdown(gymnasium.Env[NDArray[np.float32], Any]):
    """Observes [number of the episode, step, last action]; the nth episode has n steps."""

    observation_space = spaces.Box(-1, 100, (3,))
    action_space = spaces.Discrete(3)

    def __init__(self, first: int = 1) -> None:
        self.episode = first - 1

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        super().reset(seed=seed)
        self.episode += 1
        self.step_number = 0
        return self.observation(-1), {}

    def observation(self, action: int) -> NDArray[np.float32]:
        return np.array([self.episode, self.step_number, action], np.float32)

    def step(self, action: int) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        self.step_number += 1
        over = self.step_number >= self.episode
        return self.observation(action), 0.0, over, False, {}


class Lazy(Countdown):
    """States an exploration policy that never takes action 0."""

    exploration_policy: ClassVar = (0.0, 0.75, 0.25)


def cart_pole() -> Env:
    return gymnasium.make("CartPole-v1")


def tensor(trajectories: Trajectories) -> torch.Tensor:
    assert isinstance(trajectories.inputs, torch.Tensor)
    return trajectories.inputs


def same(a: Trajectories, b: Trajectories) -> bool:
    return torch.equal(tensor(a), tensor(b)) and torch.equal(a.lengths, b.lengths)


def test_every_kind_of_vector_env_gives_the_same() -> None:
    makers: list[Callable[[], Env]] = [cart_pole] * 3
    expected = random_rollouts(DummyVecEnv(makers), 7, seed=3)
    for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
        assert same(
            random_rollouts(SyncVectorEnv(makers, autoreset_mode=mode), 7, seed=3), expected
        )


def test_a_single_env_is_a_vector_env_of_one() -> None:
    single = random_rollouts(cart_pole(), 4, seed=1)
    assert same(single, random_rollouts(SyncVectorEnv([cart_pole]), 4, seed=1))
    assert same(single, random_rollouts(DummyVecEnv([cart_pole]), 4, seed=1))
    assert not same(single, random_rollouts(cart_pole(), 4, seed=2))


def test_episodes_are_whole() -> None:
    trajectories = random_rollouts(Countdown(), 4, seed=0)
    assert trajectories.lengths.tolist() == [1, 2, 3, 4]
    inputs = tensor(trajectories)
    assert inputs.shape == (4, 4, 3)
    for n, length in enumerate([1, 2, 3, 4]):
        assert inputs[:length, n, 0].tolist() == [n + 1] * length
        assert inputs[:, n, 1].tolist() == [*range(length), *[0] * (4 - length)]
    assert inputs[0, :, 2].tolist() == [-1] * 4
    assert inputs[1:][trajectories.valid[1:]][:, 2].min() >= 0


def test_the_first_started_are_kept_not_the_first_to_end() -> None:
    env = SyncVectorEnv([lambda: Countdown(20), lambda: Countdown(1)])
    assert random_rollouts(env, 3, seed=0).lengths.tolist() == [20, 1, 21]


def test_max_steps_cuts_episodes() -> None:
    env = SyncVectorEnv([lambda: Countdown(20), lambda: Countdown(1)])
    trajectories = random_rollouts(env, 3, seed=0, max_steps=5)
    assert trajectories.lengths.tolist() == [5, 1, 5]
    assert tensor(trajectories)[:, 2, 0].tolist() == [21.0] * 5


def actions(trajectories: Trajectories) -> set[float]:
    return set(tensor(trajectories)[1:][trajectories.valid[1:]][:, 2].tolist())


@SHELLS
def test_the_stated_exploration_policy_is_used(shell: Callable[[Any], Any]) -> None:
    assert actions(random_rollouts(shell(lambda: Countdown(9)), 6, seed=0)) == {0, 1, 2}
    assert actions(random_rollouts(shell(lambda: Lazy(9)), 6, seed=0)) == {1, 2}
    assert actions(random_rollouts(shell(lambda: Lazy(9)), 6, seed=0, policy=(1, 0, 0))) == {0}
    alone = SyncVectorEnv([lambda: Lazy(9)])
    assert actions(random_rollouts(alone, 6, seed=0)) == {1, 2}


@pytest.mark.parametrize(
    "make",
    [
        lambda: gymnasium.make("warmrl.envs:warmrl/TMaze-v0", length=5),
        lambda: gymnasium.wrappers.TransformReward(
            gymnasium.make("warmrl/TMaze-v0", length=5), lambda r: r
        ),
        lambda: gymnasium.make_vec("warmrl/TMaze-v0", 4, length=5),
        lambda: gymnasium.make_vec("warmrl/TMaze-v0", 4, vectorization_mode="sync", length=5),
        lambda: gymnasium.wrappers.vector.RecordEpisodeStatistics(
            gymnasium.make_vec("warmrl/TMaze-v0", 4, length=5)
        ),
        lambda: make_vec_env("warmrl/TMaze-v0", 4, length=5),
        lambda: DummyVecEnv([lambda: gymnasium.make("warmrl/TMaze-v0", length=5)]),
        lambda: VecCheckNan(make_vec_env("warmrl/TMaze-v0", 4, length=5)),
    ],
)
def test_a_memory_task_is_explored_by_its_own_policy(make: Callable[[], Any]) -> None:
    trajectories = random_rollouts(make(), 300, seed=0)
    shares = tensor(trajectories)[1:][trajectories.valid[1:]][:, :4].mean(0)
    torch.testing.assert_close(
        shares, torch.tensor([1 / 2, 1 / 6, 1 / 6, 1 / 6]), atol=0.03, rtol=0
    )


def test_a_function_as_policy() -> None:
    def act(observations: NDArray[np.float32]) -> NDArray[np.int64]:
        return observations[:, 1].astype(np.int64) % 2

    inputs = tensor(random_rollouts(Countdown(5), 1, policy=act))
    assert inputs[:, 0, 2].tolist() == [-1, 0, 1, 0, 1]


@pytest.mark.parametrize("policy", [(0.5, 0.5, 0.0, 0.0), None])
def test_actions_are_independent_of_the_environments_draws(policy: Any) -> None:
    # All cues come first from a generator with this very seed, as might all first actions.
    inputs = tensor(
        random_rollouts(make_vec_env("warmrl/TMaze-v0", 300), 300, seed=0, policy=policy)
    )
    went_right, cue_is_up = inputs[1, :, 0], inputs[0, :, 5]
    share = (went_right == cue_is_up).double().mean().item()
    assert 0.4 < share < 0.6


class Sights(gymnasium.Env[Any, Any]):
    """Three steps of a Dict observation with an image, under continuous actions."""

    observation_space = spaces.Dict(
        {"image": spaces.Box(0, 255, (1, 4, 4), np.uint8), "number": spaces.Discrete(5)}
    )
    action_space = spaces.Box(-1, 1, (2,))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        super().reset(seed=seed)
        self.number = 0
        return self.observation(), {}

    def observation(self) -> dict[str, Any]:
        return {"image": np.full((1, 4, 4), self.number, np.uint8), "number": self.number}

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action)
        self.number += 1
        return self.observation(), 0.0, False, self.number == 3, {}


@SHELLS
def test_dict_observations(shell: Callable[[Any], Any]) -> None:
    inputs = random_rollouts(shell(Sights), 3, seed=0).inputs
    assert isinstance(inputs, dict)
    assert inputs["image"].shape == (3, 3, 1, 4, 4)
    assert inputs["image"].dtype == torch.uint8
    assert inputs["number"].shape == (3, 3, 1)
    assert inputs["number"][:, 1, 0].tolist() == [0, 1, 2]


def numpy_state() -> Any:
    state: Any = np.random.get_state()  # noqa: NPY002  # must stay as it is
    return state[1].tolist()


def test_no_global_random_state() -> None:
    before = random.getstate(), numpy_state(), torch.get_rng_state()
    first = random_rollouts(DummyVecEnv([cart_pole]), 3, seed=5)
    assert (random.getstate(), numpy_state()) == before[:2]
    assert torch.equal(torch.get_rng_state(), before[2])
    np.random.seed(1)  # noqa: NPY002  # must not matter
    assert same(first, random_rollouts(DummyVecEnv([cart_pole]), 3, seed=5))


class Broken(Countdown):
    """Observes NaN at step 2."""

    def observation(self, action: int) -> NDArray[np.float32]:
        return np.full(3, np.nan if self.step_number == 2 else 0, np.float32)


class Couple(Countdown):
    """Observes a tuple."""

    def observation(self, action: int) -> Any:
        return (super().observation(action), 1)


@pytest.mark.parametrize(
    ("make", "keywords", "error", "message"),
    [
        (lambda: Broken(5), {}, ValueError, "trajectory 0 at step 2 is NaN"),
        (Couple, {}, TypeError, "observations are of type tuple"),
        (Countdown, {"policy": (0.5, 0.5, 0.5)}, ValueError, "with sum 1"),
        (Countdown, {"policy": (1.5, -0.5, 0.0)}, ValueError, "must be 3 probabilities"),
        (Sights, {"policy": (0.5, 0.5)}, ValueError, "the action space is Box"),
        (
            lambda: SyncVectorEnv([Countdown], autoreset_mode=AutoresetMode.DISABLED),
            {},
            ValueError,
            "must be NEXT_STEP or SAME_STEP",
        ),
    ],
)
def test_rejects_bad_arguments(
    make: Callable[[], Any], keywords: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        random_rollouts(make(), **{"n_episodes": 2, **keywords})

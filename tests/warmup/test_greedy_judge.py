"""The judge plays the same episodes at every call, and leaves everything as it was."""

import random
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize

from warmrl.envs import DelayedRecall, MemoryVecEnv, TensorVecEnv
from warmrl.tests.warmup.small_agents import ours, recall, upstream, weights
from warmrl.warmup import GreedyJudge, greedy_judge

BOX = spaces.Box(-100.0, 100.0, (2,))


class Told(gym.Env[Any, Any]):
    """Episodes whose length, 3 to 6, and reward the seed says; it notes what happens to it.

    It also draws from the global streams, as environments should not.
    """

    observation_space, action_space = BOX, spaces.Discrete(2)

    def __init__(self, says: bool = True, endless: bool = False, paid: float = 0.0) -> None:
        self.says, self.endless, self.paid = says, endless, paid
        self.seeds: list[int | None] = []
        self.closed = False
        self.steps = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.seeds.append(seed)
        self.left = int(self.np_random.integers(3, 7))
        self.reward = self.paid or float(self.np_random.integers(1, 100))
        return self.seen(), {}

    def seen(self) -> Any:
        np.random.random(), random.random(), torch.rand(1)  # noqa: NPY002
        return self.np_random.uniform(-50, 50, 2).astype(np.float32)

    def step(self, action: int) -> Any:
        self.left, self.steps = self.left - 1, self.steps + 1
        done = self.left == 0 and not self.endless
        info = {"is_success": self.reward > 50} if self.says and done else {}
        return self.seen(), self.reward, done, False, info

    def close(self) -> None:
        self.closed = True


def told(n: int = 4, **kwargs: Any) -> DummyVecEnv:
    return DummyVecEnv([lambda: Told(**kwargs) for _ in range(n)])


def insides(env: Any) -> list[Told]:
    return [one.unwrapped for one in env.envs]


@pytest.fixture
def model() -> Any:
    model = ours(told(4))
    model.learn(16 * 4)
    return model


@pytest.mark.parametrize("make_model", [ours, upstream])
def test_the_same_episodes_at_every_call(make_model: Any) -> None:
    model = make_model(told(4))
    env = told(4)
    judge = GreedyJudge(env, n_episodes=10, seed=3)
    first, again = judge(model), judge(model)
    np.testing.assert_array_equal(first.returns, again.returns)
    assert first.solved is not None
    assert again.solved is not None
    np.testing.assert_array_equal(first.solved, again.solved)
    assert len(first.returns) == 3 * 4  # rounds of four
    given = [[seed for seed in one.seeds if seed is not None] for one in insides(env)]
    assert all(seeds[:3] == seeds[3:] for seeds in given)
    seen = {seed for seeds in given for seed in seeds}
    assert seen == set(range(min(seen), min(seen) + 12))
    # By hand: what an environment of each of these seeds pays
    for i, seed in enumerate(sorted(seen)):
        one = Told()
        one.reset(seed=seed)
        assert first.returns[i] == one.left * one.reward
        assert first.solved[i] == (one.reward > 50)


def test_other_seeds_other_episodes(model: Any) -> None:
    returns = [GreedyJudge(told(), 8, seed)(model).returns for seed in (0, 1, None)]
    assert not np.array_equal(returns[0], returns[1])
    model.num_timesteps += 64
    assert not np.array_equal(GreedyJudge(told(), 8, 0)(model).returns, returns[0])


def test_few_episodes_unless_training_was_long(model: Any) -> None:
    """A hundred, and then as many as take a fiftieth of the steps of the training."""
    for trained, fewest, most in ((64, 100, 100), (1_000_000, 200, 200), (50 * 900, 120, 180)):
        model.num_timesteps = trained
        assert fewest <= len(GreedyJudge(told(), 200)(model).returns) <= most
    assert len(GreedyJudge(told(), 6)(model).returns) == 8


def test_without_success_there_are_returns(model: Any) -> None:
    assert GreedyJudge(told(says=False), 8)(model).solved is None


def test_an_episode_that_never_ends_is_cut_off(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert greedy_judge.LONGEST == 1000
    monkeypatch.setattr(greedy_judge, "LONGEST", 100)
    env = told(2, endless=True, paid=0.5)
    episodes = GreedyJudge(env, 2)(model)
    assert episodes.solved is None
    assert episodes.returns.tolist() == [50.0] * 2
    assert [one.steps for one in insides(env)] == [100] * 2
    model.ep_info_buffer.append({"r": 0.0, "l": 90, "t": 0.0})
    assert GreedyJudge(told(2, endless=True, paid=1.0), 2)(model).returns.tolist() == [180.0] * 2


def test_what_is_cut_off_was_not_solved(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(greedy_judge, "LONGEST", 20)
    env = DummyVecEnv([Told, lambda: Told(endless=True)])
    solved = GreedyJudge(env, 10)(model).solved
    assert solved is not None
    assert not solved[1::2].any()
    assert solved[::2].any()


def statistics(env: VecNormalize) -> Any:
    return env.obs_rms


def streams() -> list[Any]:
    numpy: Any = np.random.get_state()  # noqa: NPY002
    return [torch.get_rng_state().tolist(), numpy[1].tolist(), numpy[2], random.getstate()]


def test_global_streams_and_modes_stay(model: Any) -> None:
    model.policy.set_training_mode(True)
    before = streams()
    for env in (told(), None):
        GreedyJudge(env, 8)(model)
        assert streams() == before
    assert model.policy.training


@pytest.mark.parametrize("make_model", [ours, upstream])
def test_our_training_environments_are_put_back(make_model: Any) -> None:
    """Nobody notices afterwards that a judge has played in them."""
    results = []
    for judged in (False, True):
        model = make_model(recall(n_envs=3))
        model.learn(16 * 3)
        if judged:
            GreedyJudge()(model)
        model.learn(16 * 3, reset_num_timesteps=False)
        results.append(weights(model.policy))
    assert torch.equal(*results)


@pytest.mark.parametrize("kind", ["theirs", "tensors", "normalised"])
def test_in_other_training_environments_new_episodes_begin(kind: str) -> None:
    task = DelayedRecall(delay=5)
    envs: dict[str, VecEnv] = {
        "theirs": told(4),
        "tensors": TensorVecEnv(task, 4, "cpu", seed=0),
        "normalised": VecNormalize(MemoryVecEnv(task, 4, seed=0)),
    }
    env = envs[kind]
    model = ours(env)
    model.learn(16 * 4)
    count = statistics(env).count if isinstance(env, VecNormalize) else 0
    GreedyJudge()(model)
    assert model._last_episode_starts.all()
    assert model._last_obs.shape == (4, *(env.observation_space.shape or ()))
    if isinstance(env, VecNormalize):
        assert env.training
        assert statistics(env).count == count
        expected: Any = env.normalize_obs(env.get_original_obs())
        np.testing.assert_array_equal(model._last_obs, expected)
    model.learn(16 * 4, reset_num_timesteps=False)
    assert torch.isfinite(weights(model.policy)).all()


def test_what_begins_then_differs_from_training_to_training() -> None:
    env = told(2)
    model = ours(env)
    seeds = []
    for _ in range(2):
        model.learn(16 * 2, reset_num_timesteps=False)
        GreedyJudge()(model)
        seeds.append(insides(env)[0].seeds[-1])
    assert None not in seeds
    assert seeds[0] != seeds[1]


def test_returns_are_those_before_normalisation() -> None:
    """With a monitor and without."""
    for wrapped in (Told, lambda: Monitor(Told())):
        env = VecNormalize(DummyVecEnv([wrapped] * 2))
        model = ours(env)
        model.learn(32)
        plain = GreedyJudge(VecNormalize(told(2)), 8, seed=0)(model)
        own = GreedyJudge(None, 8, seed=0)(model)
        np.testing.assert_array_equal(own.returns, plain.returns)
        assert own.returns.min() > 3


def test_statistics_are_those_of_the_training() -> None:
    env = VecNormalize(told(2))
    model = ours(env)
    model.learn(64)
    other = VecNormalize(told(2))
    GreedyJudge(other, 2)(model)
    np.testing.assert_array_equal(statistics(other).mean, statistics(env).mean)
    assert other.obs_rms is not env.obs_rms


def test_one_gymnasium_environment(model: Any) -> None:
    env = Told()
    assert len(GreedyJudge(env, 3)(model).returns) == 3
    assert not env.closed


def test_what_is_made_is_closed(model: Any) -> None:
    made: list[DummyVecEnv] = []

    def make() -> DummyVecEnv:
        made.append(told(2))
        return made[-1]

    judge = GreedyJudge(make, 4)
    np.testing.assert_array_equal(judge(model).returns, judge(model).returns)
    assert [one.closed for env in made for one in insides(env)] == [True] * 4


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (lambda: recall(2), r"eval_env has the spaces \(Box.*, the model \(Box.*must be the same"),
        (
            lambda: VecNormalize(told(2)),
            "eval_env: observations of eval_env are normalised by a VecNormalize, those of "
            "training are not; both must be, or none",
        ),
    ],
)
def test_rejects(env: Any, message: str, model: Any) -> None:
    for given in (env, env()):
        judge = GreedyJudge(given)
        with pytest.raises(ValueError, match=message):
            judge(model)
    with pytest.raises(ValueError, match=message):
        GreedyJudge(env()).check(model)
    with pytest.raises(ValueError, match="n_episodes=0 must be at least 1"):
        GreedyJudge(n_episodes=0)

"""Consolidation leaves no agent worse than it was: it is judged by playing, and taken back."""

from copy import deepcopy
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env as make_sb3_vec_env
from stable_baselines3.common.logger import KVWriter, Logger
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv
from torch import Tensor, nn

from warmrl.tests.warmup.small_agents import EASILY, frozen, ours, recall, restless, upstream
from warmrl.warmup import ConsolidationCallback, ConsolidationConfig, ConsolidationResult, Episodes
from warmrl.warmup.settling import Settling


class Still(gym.Env[Any, Any]):
    """Six steps that all look the same; action 0 is the right one."""

    observation_space, action_space = spaces.Box(0.0, 1.0, (2,)), spaces.Discrete(2)

    def __init__(self, says: bool = True, paid: float = 1.0) -> None:
        self.says, self.paid = says, paid

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.t, self.right = 0, 0
        return np.ones(2, np.float32), {}

    def step(self, action: int) -> Any:
        self.t, self.right = self.t + 1, self.right + int(action == 0)
        done = self.t == 6
        info = {"is_success": self.right == 6} if done and self.says else {}
        return np.ones(2, np.float32), self.paid * (action == 0), done, False, info


def prefer(policy: Any, action: int) -> None:
    """Greedily this action, whatever is remembered, and sampled mostly."""
    with torch.no_grad():
        policy.action_net.weight.mul_(0.01)
        policy.action_net.bias.copy_(torch.tensor([1.0, -1.0]) * (1 - 2 * action))


def still(n: int = 4, **kwargs: Any) -> VecEnv:
    return make_sb3_vec_env(Still, n, env_kwargs=kwargs)


class Row(KVWriter):
    """Keeps what is dumped."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def write(self, key_values: dict[str, Any], *_: Any) -> None:
        self.rows.append(dict(key_values))

    def close(self) -> None:
        pass


def logged(model: Any) -> Row:
    row = Row()
    model.set_logger(Logger(None, [row]))
    return row


def settle_by(patch: pytest.MonkeyPatch, change: Any) -> None:
    """Let consolidation be another change of the policy."""

    def run(settling: Settling, learning_rate: float) -> ConsolidationResult:
        change(settling._policy)
        return ConsolidationResult(0.5, 4, 0.25, 0.0, False, learning_rate)

    patch.setattr(Settling, "run", run)


def scramble(policy: Any) -> None:
    """All parameters become others, and the wrong action is preferred."""
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator()))
    prefer(policy, 1)


def of(model: Any) -> Any:
    """Parameters, buffers and moments, to the bit."""
    return deepcopy((model.policy.state_dict(), model.policy.optimizer.state_dict()))


def assert_same(left: Any, right: Any) -> None:
    torch.testing.assert_close(left, right, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("says", [True, False])
@pytest.mark.parametrize("make_model", [ours, upstream])
def test_what_makes_it_worse_is_taken_back(
    make_model: Any, says: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_by(monkeypatch, scramble)
    model = make_model(still(says=says))
    model.learn(64)
    prefer(model.policy, 0)
    frozen(model)
    callback, before = ConsolidationCallback(), []
    row = logged(model)

    class Before(ConsolidationCallback):
        def _on_training_end(self) -> None:
            before.append(of(self.model))

    model.learn(64, callback=[Before(), callback])
    assert_same(of(model), before[0])
    result = callback.result
    assert result is not None
    assert result.taken_back
    assert (result.kept, result.outcome, result.idle) == (False, "taken back", True)
    assert result.before == (100, 1.0 if says else None, 6.0)
    assert result.after == (100, 0.0 if says else None, 0.0)
    last = row.rows[-1]
    assert last["time/total_timesteps"] == model.num_timesteps
    wanted = {"return_before": 6.0, "return_after": 0.0, "taken_back": 1.0, "idle": 1.0}
    wanted |= {"loss": 0.5, "lost_before": 0.25, "lost_after": 0.0}
    wanted |= {"success_before": 1.0, "success_after": 0.0} if says else {}
    found = {k.removeprefix("consolidation/"): v for k, v in last.items() if "consolidation" in k}
    assert found == wanted


@pytest.mark.parametrize("right", [0, 1])
def test_what_helps_or_changes_nothing_is_kept(right: int, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = []

    def change(policy: Any) -> None:
        with torch.no_grad():
            next(policy.lstm_actor.parameters()).add_(0.1)
        prefer(policy, 0)
        changed.append(deepcopy(policy.state_dict()))

    settle_by(monkeypatch, change)
    model = frozen(ours(still()))
    prefer(model.policy, right)
    callback = ConsolidationCallback()
    model.learn(64, callback=callback)
    assert_same(model.policy.state_dict(), changed[0])
    result = callback.result
    assert result is not None
    assert (result.kept, result.outcome) == (True, "kept")
    assert result.before == (100, 1.0 - right, 6.0 * (1 - right))
    assert result.after == (100, 1.0, 6.0)


@pytest.mark.parametrize("make_model", [ours, upstream])
def test_what_is_taken_back_leaves_no_trace(
    make_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training goes on as if there had been no consolidation, on our environments."""
    settle_by(monkeypatch, scramble)
    scores = iter([1.0, 0.0])
    results = []
    for callback in (None, ConsolidationCallback()):
        model = make_model(recall(n_envs=3))
        if callback is not None:
            play = callback._judge()

            def judge(model: Any) -> Episodes | None:
                played = play(model)  # noqa: B023
                assert played is not None
                return played._replace(returns=0 * played.returns + next(scores), solved=None)

            monkeypatch.setattr(callback, "_judge", lambda: judge)
        model.learn(3 * 16 * 3, callback=callback)
        model.learn(3 * 16 * 3, reset_num_timesteps=False)
        results.append(of(model))
    assert callback is not None
    assert callback.result is not None
    assert callback.result.taken_back
    assert_same(*results)


def never(_: Any) -> Episodes:
    raise AssertionError("nothing is to be judged")


def test_where_nothing_is_idle_nothing_is_done() -> None:
    """An agent that acts otherwise if a wait is but one step longer."""
    model = restless(ours(recall(n_envs=16)))
    before = deepcopy(model.policy.state_dict())
    config = ConsolidationConfig(**EASILY)
    callback = ConsolidationCallback(config, judge=never)
    row = logged(model)
    model.learn(16 * 16, callback=callback)
    assert_same(model.policy.state_dict(), before)
    result = callback.result
    assert result is not None
    assert (result.idle, result.kept, result.outcome) == (False, False, "nothing idle")
    assert result.lost_before == result.lost_after > 0.5
    assert (result.before, result.after) == (None, None)
    assert row.rows[-1]["consolidation/idle"] == 0.0


@pytest.mark.parametrize(("n_idle", "idle"), [(31, False), (32, True)])
def test_half_of_the_waits_must_be_idle(
    n_idle: int, idle: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Of64(Settling):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.n_waits = 64

        def n_idle(self) -> int:
            return n_idle

    settle_by(monkeypatch, lambda _: None)
    monkeypatch.setattr("warmrl.warmup.consolidation.Settling", Of64)
    callback = ConsolidationCallback()
    frozen(ours(still())).learn(64, callback=callback)
    assert callback.result is not None
    assert callback.result.idle == idle


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
def test_a_judge_that_fails_leaves_the_agent_from_before(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_by(monkeypatch, scramble)
    calls = []

    def judge(_: Any) -> Episodes:
        calls.append(0)
        if len(calls) == 2:
            raise error
        return Episodes(np.zeros(1))

    model = frozen(ours(still()))
    before = deepcopy(model.policy.state_dict())
    with pytest.raises(type(error)):
        model.learn(64, callback=ConsolidationCallback(judge=judge))
    assert_same(model.policy.state_dict(), before)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_returns_that_are_no_numbers(bad: float, monkeypatch: pytest.MonkeyPatch) -> None:
    settle_by(monkeypatch, scramble)
    for returns in ([bad, 0.0], [0.0, bad]):
        judged = iter(returns)
        model = frozen(ours(still()))
        before = deepcopy(model.policy.state_dict())
        callback = ConsolidationCallback(judge=lambda _: Episodes(np.full(2, next(judged))))  # noqa: B023
        if np.isfinite(returns[0]):
            model.learn(64, callback=callback)
            assert callback.result is not None
            assert callback.result.taken_back
        else:
            with pytest.warns(UserWarning, match="^not consolidated: the agent's returns are NaN"):
                model.learn(64, callback=callback)
            assert callback.result is None
        assert_same(model.policy.state_dict(), before)


def test_training_environments_that_cannot_be_played(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their error must not cost what was learned."""
    settle_by(monkeypatch, scramble)
    env = DummyVecEnv([lambda: Monitor(Still(), allow_early_resets=False)])
    model = frozen(ours(env))
    before = deepcopy(model.policy.state_dict())
    callback = ConsolidationCallback()
    with pytest.warns(
        UserWarning,
        match=r"^not consolidated: the training environments cannot be played after training "
        r"\(RuntimeError: Tried to reset .*\); give eval_env, or a judge$",
    ):
        model.learn(32, callback=callback)
    assert callback.result is None
    assert_same(model.policy.state_dict(), before)
    other = ConsolidationCallback(eval_env=Still())
    model.learn(32, callback=other, reset_num_timesteps=False)
    assert other.result is not None


def test_in_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another package, too."""
    settle_by(monkeypatch, lambda _: None)
    monkeypatch.setattr("warmrl.warmup.consolidation.same", lambda new, *_: np.ones(len(new), bool))
    env = make_sb3_vec_env("CartPole-v1", 2, vec_env_cls=SubprocVecEnv)
    callback = ConsolidationCallback(n_eval_episodes=6)
    ours(env).learn(64, callback=callback)
    env.close()
    assert callback.result is not None
    assert callback.result.before == callback.result.after
    assert callback.result.before is not None
    assert callback.result.before[:2] == (6, None)


def test_where_it_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """In other environments, in some that are made for it, in as many episodes as are asked for."""
    settle_by(monkeypatch, scramble)
    for eval_env in (still(2, paid=2.0), Still(paid=2.0), lambda: still(2, paid=2.0)):
        model = frozen(ours(still()))
        prefer(model.policy, 0)
        callback = ConsolidationCallback(eval_env=eval_env, n_eval_episodes=6)
        model.learn(64, callback=callback)
        assert callback.result is not None
        assert callback.result.before == (6, 1.0, 12.0)


def test_what_cannot_be_judged_is_refused_before_training() -> None:
    with pytest.raises(ValueError, match="judge and eval_env exclude each other"):
        ConsolidationCallback(judge=never, eval_env=Still())
    with pytest.raises(ValueError, match="n_eval_episodes=0 must be at least 1"):
        ConsolidationCallback(n_eval_episodes=0)
    model = ours(recall())
    with pytest.raises(ValueError, match="eval_env has the spaces"):
        model.learn(64, callback=ConsolidationCallback(eval_env=Still()))
    assert model.num_timesteps == 0


class Normalised(BaseFeaturesExtractor):
    """Batch normalisation and dropout, whose modes matter."""

    def __init__(self, observation_space: spaces.Box) -> None:
        super().__init__(observation_space, observation_space.shape[0])
        self.layers = nn.Sequential(nn.BatchNorm1d(observation_space.shape[0]), nn.Dropout(0.5))

    def forward(self, observations: Tensor) -> Tensor:
        result: Tensor = self.layers(observations)
        return result


def test_consolidation_leaves_buffers_and_modes() -> None:
    model = frozen(ours(recall(n_envs=16), features_extractor_class=Normalised))
    before: list[Any] = []

    class Before(ConsolidationCallback):
        def _on_training_end(self) -> None:
            policy = self.model.policy
            before.append([deepcopy(policy.state_dict()), [p.training for p in policy.modules()]])

    config = ConsolidationConfig(1, 2, min_idle=0.0)
    callback = ConsolidationCallback(config, judge=lambda _: Episodes(np.zeros(1)))
    model.learn(2 * 16 * 16, callback=[Before(), callback])
    (state, modes), after = before[0], model.policy.state_dict()
    assert modes == [part.training for part in model.policy.modules()]
    changed = [name for name in state if not torch.equal(state[name], after[name])]
    assert changed
    assert all(name.startswith("lstm_actor.") for name in changed)

"""What a user overrides is called wherever upstream calls it: no fast path goes around it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import sb3_contrib
import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.distributions import CategoricalDistribution
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor, nn

from warmrl.agents import Agent, MlpRnnPolicy, RecurrentPPO
from warmrl.agents.exported_step import ExportedStep
from warmrl.agents.overrides import HOOKS, fast_paths, linear_heads, overridden
from warmrl.agents.rollout_step import RolloutStep

METHODS = [name for name in sorted(HOOKS) if hasattr(MlpRnnPolicy, name) and name != "__call__"]
PARTS = (
    *("lstm_actor.forward", "lstm_actor.layers.0.forward", "action_net.forward"),
    *("value_net.forward", "mlp_extractor.forward_actor", "mlp_extractor.forward_critic"),
    *("mlp_extractor.policy_net.forward", "features_extractor.forward"),
    *("pi_features_extractor.forward", "vf_features_extractor.forward"),
    *("action_dist.proba_distribution", "action_dist.get_actions", "action_dist.log_prob"),
    *("action_dist.entropy", "action_dist.sample", "action_dist.mode"),
)
MODULES = sorted({path.rpartition(".")[0] for path in PARTS if path.endswith(".forward")})
Calls = list[str]


def spy(calls: Calls, method: Callable[..., Any]) -> Callable[..., Any]:
    def called(*args: Any, **kwargs: Any) -> Any:
        calls.append("call")
        return method(*args, **kwargs)

    return called


def subclass(name: str, calls: Calls) -> type[MlpRnnPolicy]:
    method = spy(calls, getattr(MlpRnnPolicy, name))
    static = isinstance(MlpRnnPolicy.__mro__[1].__dict__.get(name), staticmethod)
    body = {name: staticmethod(method) if static else method}
    return type("Mine", (MlpRnnPolicy,), body)


def part_of(policy: nn.Module, path: str) -> Any:
    part: Any = policy
    for name in filter(None, path.split(".")):
        part = part[int(name)] if name.isdigit() else getattr(part, name)
    return part


def patch(path: str, policy: nn.Module, calls: Calls) -> None:
    owner, _, name = path.rpartition(".")
    part = part_of(policy, owner)
    setattr(part, name, spy(calls, getattr(part, name)))


def hook(path: str, policy: nn.Module, calls: Calls) -> None:
    def called(*_: Any) -> None:
        calls.append("call")

    part_of(policy, path).register_forward_hook(called)


def stages(
    algorithm: Any,
    env: VecEnv,
    calls: Calls,
    policy: Any = "MlpRnnPolicy",
    change: Callable[[nn.Module, Calls], None] = lambda *_: None,
) -> set[str]:
    """In which stages of an algorithm something is called."""
    policy = MlpRnnPolicy if isinstance(policy, str) else policy
    model = algorithm(policy, env, n_steps=6, batch_size=12, n_epochs=1, seed=0, device="cpu")
    change(model.policy, calls)
    found = set()

    def run(stage: str, act: Callable[[], Any]) -> None:
        calls.clear()
        act()
        if calls:
            found.add(stage)

    _, callback = model._setup_learn(100, None)
    collect = model.collect_rollouts
    run("rollout", lambda: collect(model.env, callback, model.rollout_buffer, model.n_steps))
    run("update", model.train)
    obs = np.zeros((3, 3), np.float32)
    run("predict", lambda: model.predict(obs, deterministic=True))
    run("predict a sample", lambda: model.predict(obs))
    agent = Agent(model) if algorithm is RecurrentPPO else None
    if agent is not None:
        run("agent", lambda: agent.act(obs))
        run("sampling agent", lambda: agent.act(obs, deterministic=False))
    else:
        found |= {"agent"} & {"agent" for stage in found if stage == "predict"}
        found |= {"sampling agent" for stage in found if stage == "predict a sample"}
    return found


@pytest.mark.filterwarnings("ignore:You are trying to run PPO")
@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("where", ["class", "instance"])
def test_overridden_methods_are_called_where_upstream_calls_them(
    name: str, where: str, random_vec_env: Callable[..., VecEnv]
) -> None:
    found = []
    for algorithm in (sb3_contrib.RecurrentPPO, RecurrentPPO):
        calls: Calls = []
        how: dict[str, Any] = (
            {"policy": subclass(name, calls)}
            if where == "class"
            else {"change": partial(patch, name)}
        )
        found.append(stages(algorithm, random_vec_env(length=3), calls, **how))
    assert found[0], f"upstream never calls {name}"
    assert found[1] == found[0]


@pytest.mark.parametrize("path", PARTS)
def test_patched_parts_are_called_where_upstream_calls_them(
    path: str, random_vec_env: Callable[..., VecEnv]
) -> None:
    env = random_vec_env(length=3)
    calls: Calls = []
    theirs = stages(sb3_contrib.RecurrentPPO, env, calls, change=partial(patch, path))
    ours = stages(RecurrentPPO, random_vec_env(length=3), calls, change=partial(patch, path))
    assert ours == theirs


@pytest.mark.parametrize("path", ["", *MODULES])
def test_forward_hooks_are_called_where_upstream_calls_them(
    path: str, random_vec_env: Callable[..., VecEnv]
) -> None:
    env = random_vec_env(length=3)
    calls: Calls = []
    theirs = stages(sb3_contrib.RecurrentPPO, env, calls, change=partial(hook, path))
    ours = stages(RecurrentPPO, random_vec_env(length=3), calls, change=partial(hook, path))
    assert ours == theirs


def make(**kwargs: Any) -> MlpRnnPolicy:
    box = spaces.Box(-1.0, 1.0, (3,), np.float32)
    return MlpRnnPolicy(box, spaces.Discrete(3), lambda _: 1e-3, lstm_hidden_size=6, **kwargs)


def test_a_policy_of_the_librarys_own_takes_every_fast_path() -> None:
    for kwargs in ({}, {"cell": "lstm"}, {"enable_critic_lstm": True}, {"double": False}):
        policy = make(**kwargs)
        assert not overridden(policy)
        assert all(fast_paths(policy))
        assert linear_heads(policy)


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (MlpRnnPolicy, "evaluate_actions"),
        (RecurrentActorCriticPolicy, "forward"),
        (CategoricalDistribution, "mode"),
        (nn.Linear, "forward"),
    ],
)
def test_a_patched_class_is_noticed(
    owner: type, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = make()
    monkeypatch.setattr(owner, name, spy([], getattr(owner, name)))
    assert overridden(policy) or not linear_heads(policy)


def test_hooks_on_all_modules_are_noticed() -> None:
    handle = nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        assert not any(fast_paths(make()))
    finally:
        handle.remove()
    assert all(fast_paths(make()))


def test_exchanged_modules_are_noticed() -> None:
    class Mine(nn.Linear):
        pass

    policy = make()
    policy.action_net = Mine(6, 3)
    assert not linear_heads(policy)
    assert not overridden(policy)  # as a module it is called
    policy.lstm_actor = nn.LSTM(3, 6)  # type: ignore[assignment]
    assert overridden(policy) == {"lstm_actor"}
    policy = make()
    policy.action_dist = type("Own", (CategoricalDistribution,), {})(3)
    assert overridden(policy) == {"action_dist"}


def test_an_exchanged_trunk_trains_and_acts(random_vec_env: Callable[..., VecEnv]) -> None:
    model = RecurrentPPO(
        "MlpRnnPolicy", random_vec_env(), n_steps=8, seed=0, device="cpu", policy_kwargs={}
    )
    model.policy.lstm_actor = nn.LSTM(3, 64)
    model.policy.optimizer = torch.optim.Adam(model.policy.parameters())
    model.learn(32)
    obs = np.zeros((2, 3), np.float32)
    actions, _ = model.predict(obs, deterministic=True)
    np.testing.assert_array_equal(Agent(model).act(obs), actions)


class Continual(MlpRnnPolicy):
    """Carries its memory from one episode to the next."""

    @staticmethod
    def _process_sequence(
        features: Tensor, lstm_states: Any, episode_starts: Tensor, lstm: nn.Module
    ) -> Any:
        never = torch.zeros_like(episode_starts)
        return MlpRnnPolicy._process_sequence(features, lstm_states, never, lstm)


def test_memory_that_outlives_episodes_is_what_is_learned_from(
    random_vec_env: Callable[..., VecEnv],
) -> None:
    env = random_vec_env(length=3)
    model = RecurrentPPO(Continual, env, n_steps=12, batch_size=24, seed=0, device="cpu")
    _, callback = model._setup_learn(100, None)
    buffer = model.rollout_buffer
    model.collect_rollouts(model.env, callback, buffer, 12)
    assert buffer.hidden_states_pi.shape == (12, 1, 2, 64)
    for batch in buffer.get(24):
        _, log_probs, _ = model.policy.evaluate_actions(
            batch.observations, batch.actions.long().flatten(), batch.lstm_states,
            batch.episode_starts,
        )  # fmt: skip
        real = batch.mask > 0
        torch.testing.assert_close(log_probs[real], batch.old_log_prob[real], rtol=0, atol=1e-5)
        assert batch.episode_starts[real].sum() == len(batch.lstm_states.pi[0][0])


def test_a_policy_of_ones_own_is_not_exported() -> None:
    policy = make()
    patch("get_distribution", policy, [])
    with pytest.raises(ValueError, match="other get_distribution than the library's"):
        ExportedStep(Agent(policy))


def test_weights_changed_in_a_rollout_are_acted_by(random_vec_env: Callable[..., VecEnv]) -> None:
    def after(algorithm: Any) -> np.ndarray:
        def change(locals_: dict[str, Any], _: Any) -> bool:
            with torch.no_grad():
                for parameter in locals_["self"].policy.parameters():
                    parameter.mul_(0.75)
            return True

        model = algorithm(MlpRnnPolicy, random_vec_env(), n_steps=8, seed=0, device="cpu")
        _, callback = model._setup_learn(100, change)
        model.collect_rollouts(model.env, callback, model.rollout_buffer, 8)
        return np.array(model.rollout_buffer.values)

    np.testing.assert_allclose(after(RecurrentPPO), after(sb3_contrib.RecurrentPPO), atol=1e-5)


def test_a_policy_that_does_not_change_keeps_its_step(
    random_vec_env: Callable[..., VecEnv],
) -> None:
    model = RecurrentPPO("MlpRnnPolicy", random_vec_env(), n_steps=8, seed=0, device="cpu")
    step = RolloutStep(model.policy)
    assert not step.outdated
    model.policy.predict_values = partial(model.policy.predict_values)
    assert step.outdated

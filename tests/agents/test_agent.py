"""Agents remember: across calls, per episode, and across a save and a load."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
import sb3_contrib
import torch
from packaging.version import Version
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from warmrl.agents import CELLS, Agent, MlpRnnPolicy
from warmrl.agents.recurrent_ppo import RecurrentPPO

PolicyFactory: TypeAlias = Callable[..., MlpRnnPolicy]
Observations: TypeAlias = Callable[[str, int, int], list[Any]]

SEEN = ["box", "image", "dict", "discrete"]
predicting_in_two_dimensions = pytest.mark.skipif(
    Version(sb3_contrib.__version__) < Version("2.8"),
    reason="upstream's predict fails for actions of two dimensions before 2.8",
)
DONE = [
    "discrete",
    pytest.param("box", marks=predicting_in_two_dimensions),
    "multidiscrete",
    "multibinary",
]
every_cell = pytest.mark.parametrize("cell", CELLS)


@every_cell
@pytest.mark.parametrize("seen", SEEN)
@pytest.mark.parametrize("double", [False, True])
def test_acting_is_predicting_with_the_states(
    make_policy: PolicyFactory, observations: Observations, seen: str, cell: str, double: bool
) -> None:
    policy = make_policy(seen, cell=cell, double=double, n_lstm_layers=2)
    agent, n = Agent(policy), 4
    random = np.random.default_rng(0)
    state, starts = None, np.ones(n, dtype=bool)
    for obs in observations(seen, n, 25):
        wanted, state = policy.predict(obs, state, starts, deterministic=True)
        got = agent.act(obs)
        assert got.dtype == wanted.dtype
        np.testing.assert_array_equal(got, wanted)
        assert agent._state is not None
        assert state is not None
        np.testing.assert_allclose(agent._state[0].numpy(), state[0], atol=1e-5)
        starts = random.random(n) < 0.2
        agent.reset(starts)


@pytest.mark.parametrize("done", DONE)
def test_acting_in_every_action_space(
    make_policy: PolicyFactory, observations: Observations, done: str
) -> None:
    policy = make_policy(done=done)
    agent, n = Agent(policy), 3
    state, starts = None, np.ones(n, dtype=bool)
    for obs in observations("box", n, 10):
        wanted, state = policy.predict(obs, state, starts, deterministic=True)
        got = agent.act(obs)
        assert got.shape == (n, *(agent.action_space.shape or ()))
        np.testing.assert_allclose(got, wanted, atol=1e-5)
        starts[:] = False
    agent.reset()
    one = agent.act(obs[0])
    assert agent.action_space.contains(one)
    assert agent.action_space.contains(Agent(policy).act(obs[0], deterministic=False))


@predicting_in_two_dimensions
@pytest.mark.parametrize("squash", [False, True])
def test_acting_with_state_dependent_exploration(
    make_policy: PolicyFactory, observations: Observations, squash: bool
) -> None:
    policy = make_policy(done="box", use_sde=True, squash_output=squash)
    agent = Agent(policy)
    state, starts = None, np.ones(3, dtype=bool)
    for obs in observations("box", 3, 10):
        wanted, state = policy.predict(obs, state, starts, deterministic=True)
        np.testing.assert_allclose(agent.act(obs), wanted, atol=1e-5)
        starts[:] = False


def test_a_cue_is_remembered_until_reset(make_policy: PolicyFactory) -> None:
    agent = Agent(make_policy(done="box"))
    blank, cue = np.zeros(3, np.float32), np.ones(3, np.float32)

    def after(first: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        agent.act(first)
        return agent.act(blank)

    remembered = after(cue)
    agent.reset()
    blind = after(blank)
    agent.reset()
    assert not np.array_equal(remembered, blind)
    np.testing.assert_array_equal(after(cue), remembered)


def test_only_finished_episodes_are_forgotten(
    make_policy: PolicyFactory, observations: Observations
) -> None:
    agent, fresh = Agent(make_policy(done="box")), Agent(make_policy(done="box"))
    for obs in observations("box", 3, 3):
        agent.act(obs)
        fresh.act(obs)
    agent.reset(np.array([False, True, False]))
    last = observations("box", 3, 1)[0]
    got, going_on = agent.act(last), fresh.act(last)
    fresh.reset()
    restarted = fresh.act(last)
    np.testing.assert_array_equal(got[[0, 2]], going_on[[0, 2]])
    np.testing.assert_array_equal(got[1], restarted[1])
    assert not np.array_equal(going_on[1], restarted[1])


def test_misuse_is_refused_in_one_line(make_policy: PolicyFactory) -> None:
    agent = Agent(make_policy())
    agent.act(np.zeros((2, 3), np.float32))
    with pytest.raises(ValueError, match=r"observation of 3 episodes, but the agent remembers 2"):
        agent.act(np.zeros((3, 3), np.float32))
    with pytest.raises(ValueError, match=r"observation of 1 episodes, but the agent remembers 2"):
        agent.act(np.zeros(3, np.float32))
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match=rf"^observation is {bad} at \(0, 1\); it must be fin"):
            agent.act(np.array([[0, bad, 0]] * 2, np.float32))
    with pytest.raises(ValueError, match=r"^[^\n]*shape[^\n]*$"):
        agent.act(np.zeros((2, 4), np.float32))
    for mask in (np.zeros(3, bool), np.zeros((2, 1), bool), np.zeros((), bool)):
        with pytest.raises(ValueError, match=r"done_mask of shape .* each of the 2 episodes"):
            agent.reset(mask)
    agent.reset()
    assert agent.act(np.zeros((3, 3), np.float32)).shape == (3,)


def test_a_refused_observation_leaves_the_memory_as_it_was(
    make_policy: PolicyFactory, observations: Observations
) -> None:
    agent, twin = Agent(make_policy(done="box")), Agent(make_policy(done="box"))
    first, second = observations("box", 2, 2)
    for one in (agent, twin):
        one.act(first)
    with pytest.raises(ValueError, match="must be finite"):
        agent.act(second * np.nan)
    np.testing.assert_array_equal(agent.act(second), twin.act(second))


def test_a_dict_observation_that_is_not_finite_is_named(
    make_policy: PolicyFactory, observations: Observations
) -> None:
    agent = Agent(make_policy("dict"))
    (obs,) = observations("dict", 2, 1)
    obs["z"][1, 0] = np.nan
    with pytest.raises(ValueError, match=r"observation 'z' is nan at \(1, 0\)"):
        agent.act(obs)


@pytest.mark.parametrize("done", DONE)
def test_sampling_is_the_agents_own(
    make_policy: PolicyFactory, observations: Observations, done: str
) -> None:
    def sampled(seed: int | None) -> list[Any]:
        agent = Agent(make_policy(done=done))
        agent.reset(seed=seed)
        return [agent.act(obs, deterministic=False).tolist() for obs in observations("box", 3, 8)]

    before = torch.get_rng_state()
    first = sampled(1)
    torch.rand(5)  # draws elsewhere change nothing
    assert first == sampled(1)
    assert first != sampled(2)
    assert sampled(None) == sampled(None)
    torch.set_rng_state(before)
    sampled(3)
    assert torch.equal(torch.get_rng_state(), before)


def test_samples_go_on_after_a_reset(
    make_policy: PolicyFactory, observations: Observations
) -> None:
    agent = Agent(make_policy(done="box"))
    agent.reset(seed=0)
    (obs,) = observations("box", 3, 1)
    first = agent.act(obs, deterministic=False)
    agent.reset()
    assert not np.array_equal(agent.act(obs, deterministic=False), first)


def test_a_model_is_a_source_too(random_vec_env: Callable[..., VecEnv]) -> None:
    model = RecurrentPPO("MlpRnnPolicy", random_vec_env(), n_steps=4, seed=0, device="cpu")
    model.policy.set_training_mode(True)
    assert Agent(model).policy is model.policy
    assert not model.policy.training


def test_an_agent_acts_by_what_its_model_has_learned_since(
    random_vec_env: Callable[..., VecEnv], observations: Observations
) -> None:
    model = RecurrentPPO("MlpRnnPolicy", random_vec_env(), n_steps=8, seed=0, device="cpu")
    agent = Agent(model)
    obs = observations("box", 3, 4)
    agent.act(obs[0])
    remembered = agent._state
    model.learn(32)
    assert remembered is not None
    after = Agent(model)
    after.act(obs[0])
    after._state = remembered
    with torch.inference_mode():
        agent.act(obs[1])
    after.act(obs[1])
    assert agent._state is not None
    assert after._state is not None
    torch.testing.assert_close(agent._state, after._state, rtol=0, atol=0)
    (weight, *_) = agent.step.layers[0][1].values()
    assert not weight.is_inference()


def test_other_policies_are_refused(random_vec_env: Callable[..., VecEnv]) -> None:
    for policy, source in (
        ("ActorCriticPolicy", PPO("MlpPolicy", random_vec_env(), n_steps=4, batch_size=4)),
        ("RecurrentActorCriticPolicy", RecurrentPPO("MlpLstmPolicy", random_vec_env(), n_steps=4)),
    ):
        with pytest.raises(TypeError, match=f"source={policy} has no recurrent policy of warmrl"):
            Agent(source)

"""What callbacks, environments and calls of ``predict`` may rely on with sb3-contrib, and here."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import sb3_contrib
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from torch import nn

from warmrl.agents import MlpRnnPolicy, MultiInputRnnPolicy, RecurrentPPO
from warmrl.agents.agent import Agent

VecEnvs = Callable[..., VecEnv]
FIELDS = (
    *("observations", "actions", "rewards", "values", "log_probs", "advantages", "returns"),
    "episode_starts",
)
BOX = spaces.Box(-1.0, 1.0, (3,), np.float32)
DICT = spaces.Dict(a=BOX, b=spaces.Discrete(4))
SPACES = {
    "box": (BOX, spaces.Discrete(3)),
    "float64": (spaces.Box(-1.0, 1.0, (2, 2), np.float64), spaces.Box(-1, 1, (2,), np.float64)),
    "dict": (DICT, spaces.MultiDiscrete([2, 3])),
    "multibinary": (spaces.MultiBinary(4), spaces.Discrete(2)),
}


class Kept(BaseCallback):
    """Keeps what it sees of the first rollout, and of its steps."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[dict[str, Any]] = []
        self.fields: dict[str, Any] = {}
        self.sizes: list[tuple[int, int]] = []

    def _on_step(self) -> bool:
        # Upstream writes into the rewards afterwards.
        self.steps.append(self.locals | {"rewards": self.locals["rewards"].copy()})
        buffer = self.model.rollout_buffer  # type: ignore[attr-defined]
        self.sizes.append((buffer.size(), buffer.pos))
        return True

    def _on_rollout_end(self) -> None:
        buffer = self.model.rollout_buffer  # type: ignore[attr-defined]
        self.fields = self.fields or {name: getattr(buffer, name) for name in FIELDS}


def both(env: Callable[[], VecEnv], policy: Any = MlpRnnPolicy, **kwargs: Any) -> list[Kept]:
    """What upstream's algorithm shows a callback, and ours."""
    found = []
    for algorithm in (sb3_contrib.RecurrentPPO, RecurrentPPO):
        model = algorithm(policy, env(), n_steps=8, batch_size=16, seed=0, device="cpu", **kwargs)
        kept = Kept()
        model.learn(16, callback=kept)
        found.append(kept)
    return found


@pytest.mark.parametrize("name", SPACES)
def test_the_buffer_holds_what_upstreams_holds(name: str, random_vec_env: VecEnvs) -> None:
    seen, done = SPACES[name]
    policy = MultiInputRnnPolicy if name == "dict" else MlpRnnPolicy
    theirs, ours = both(lambda: random_vec_env(seen, done, length=3), policy)
    assert ours.sizes == theirs.sizes
    for field in FIELDS:
        wanted, found = theirs.fields[field], ours.fields[field]
        pairs = [(wanted[k], found[k]) for k in wanted] if isinstance(wanted, dict) else [
            (wanted, found)
        ]  # fmt: skip
        for a, b in pairs:
            assert isinstance(b, np.ndarray)
            # Upstream's has been flattened by its update: (T, N, ...) -> (N * T, ...)
            flat = RolloutBuffer.swap_and_flatten(b) if a.shape != b.shape else b
            assert (flat.shape, b.dtype) == (a.shape, a.dtype), field
            np.testing.assert_allclose(flat, a, atol=1e-5, err_msg=field)


@pytest.mark.parametrize("name", ["box", "float64"])
def test_locals_have_upstreams_names_and_types(name: str, random_vec_env: VecEnvs) -> None:
    seen, done = SPACES[name]
    theirs, ours = both(lambda: random_vec_env(seen, done, length=3))
    late = {"idx", "done_", "terminal_obs", "terminal_lstm_state", "terminal_value"}
    for wanted, found in zip(theirs.steps, ours.steps, strict=True):
        for key in wanted.keys() - late - {"self", "env", "callback", "rollout_buffer"}:
            assert isinstance(found[key], type(wanted[key])), key
            if isinstance(wanted[key], np.ndarray | torch.Tensor):
                assert (found[key].shape, found[key].dtype) == (
                    wanted[key].shape, wanted[key].dtype,
                ), key  # fmt: skip
                np.testing.assert_allclose(found[key], wanted[key], atol=1e-5, err_msg=key)
        assert found["n_steps"] == wanted["n_steps"]


class Writing(BaseCallback):
    """Writes what is learned from, in place or anew."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def _on_step(self) -> bool:
        if self.how == "locals":
            self.locals["rewards"][:] = 0
        return True

    def _on_rollout_end(self) -> None:
        buffer = self.model.rollout_buffer  # type: ignore[attr-defined]
        if self.how == "in place":
            buffer.advantages[...] = 0
        elif self.how == "anew":
            buffer.advantages = np.zeros((8, 2))
        elif self.how == "operator":
            buffer.advantages *= 0.0


@pytest.mark.parametrize("how", ["in place", "anew", "operator", "locals"])
def test_what_a_callback_writes_is_learned_from(how: str, random_vec_env: VecEnvs) -> None:
    model = RecurrentPPO(
        MlpRnnPolicy, random_vec_env(truncates=False), n_steps=8, batch_size=16, vf_coef=0.0,
        normalize_advantage=False, gae_lambda=0.0, gamma=0.0, seed=0, device="cpu",
    )  # fmt: skip
    before = nn.utils.parameters_to_vector(model.policy.parameters()).clone()
    model.policy.value_net.weight.data.zero_()
    model.learn(16, callback=Writing(how))
    after = nn.utils.parameters_to_vector(model.policy.parameters())
    value_net = model.policy.value_net.weight.numel()
    assert int((before != after).sum()) == value_net  # nothing was learned


def test_actions_and_starts_written_are_learned_from(random_vec_env: VecEnvs) -> None:
    """Their arrays are of another dtype than what is stored."""

    class Swapped(BaseCallback):
        def _on_step(self) -> bool:
            self.model.rollout_buffer.actions[...]  # type: ignore[attr-defined]
            return True

        def _on_rollout_end(self) -> None:
            buffer = self.model.rollout_buffer  # type: ignore[attr-defined]
            self.taken = buffer.actions.copy()
            buffer.actions[...] = 2
            buffer.episode_starts[4] = 1

    model = RecurrentPPO(MlpRnnPolicy, random_vec_env(), n_steps=8, n_epochs=1, device="cpu")
    callback = Swapped()
    model.learn(16, callback=callback)
    assert set(np.unique(callback.taken)) <= {0, 1, 2}
    assert callback.taken.any()
    (batch,) = model.rollout_buffer.get(None)
    assert (batch.actions == 2).all()
    assert (model.rollout_buffer._episode_starts[4]).all()


def test_a_field_of_another_shape_is_refused(random_vec_env: VecEnvs) -> None:
    model = RecurrentPPO(MlpRnnPolicy, random_vec_env(), n_steps=8, device="cpu")
    with pytest.raises(ValueError, match=r"advantages of shape \(8,\) must have shape \(8, 2\)"):
        model.rollout_buffer.advantages = np.zeros(8)
    with pytest.raises(AttributeError, match="hidden_states_pi is not kept"):
        _ = model.rollout_buffer.hidden_states_pi


def test_arrays_of_an_earlier_rollout_stay_as_they_are(random_vec_env: VecEnvs) -> None:
    class Collecting(BaseCallback):
        def __init__(self) -> None:
            super().__init__()
            self.rewards: list[Any] = []
            self.copies: list[Any] = []

        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            rewards = self.model.rollout_buffer.rewards  # type: ignore[attr-defined]
            self.rewards.append(rewards)
            self.copies.append(rewards.copy())

    callback = Collecting()
    RecurrentPPO(MlpRnnPolicy, random_vec_env(), n_steps=8, device="cpu").learn(48, callback)
    assert len(callback.rewards) == 3
    for array, copy in zip(callback.rewards, callback.copies, strict=True):
        np.testing.assert_array_equal(array, copy)


class Recast(VecEnvWrapper):
    """Gives what a step returns in another form."""

    def __init__(self, venv: VecEnv, flags: Any, rewards: Any, infos: Any = list) -> None:
        super().__init__(venv)
        self.flags, self.rewards, self.infos = flags, rewards, infos

    def reset(self) -> Any:
        return self.venv.reset()

    def step_wait(self) -> Any:
        obs, rewards, dones, infos = self.venv.step_wait()
        whole = np.round(rewards)
        return obs, self.rewards(whole), self.flags(dones), self.infos(infos)


def as_type(dtype: Any) -> Callable[[Any], Any]:
    return lambda values: np.asarray(values).astype(dtype)


def weights(env: VecEnv) -> torch.Tensor:
    model = RecurrentPPO(MlpRnnPolicy, env, n_steps=8, batch_size=16, seed=0, device="cpu")
    model.learn(48)
    return nn.utils.parameters_to_vector(model.policy.parameters())


@pytest.mark.parametrize(
    ("flags", "rewards", "infos"),
    [
        (as_type(np.int64), as_type(np.float32), list),
        (as_type(np.uint8), as_type(np.float32), list),
        (as_type(np.float32), as_type(np.float64), tuple),
        (list, as_type(np.int64), list),
        (torch.as_tensor, torch.as_tensor, list),
        (as_type(object), list, list),
    ],
    ids=["int64", "uint8", "float", "list", "tensor", "object"],
)
def test_a_step_in_another_form_is_the_same_step(
    flags: Any, rewards: Any, infos: Any, random_vec_env: VecEnvs
) -> None:
    plain = Recast(random_vec_env(), as_type(bool), as_type(np.float32))
    other = Recast(random_vec_env(), flags, rewards, infos)
    assert torch.equal(weights(other), weights(plain))


def test_episodes_inside_a_trial_are_counted(random_vec_env: VecEnvs) -> None:
    class Trial(VecEnvWrapper):
        def reset(self) -> Any:
            return self.venv.reset()

        def step_wait(self) -> Any:
            obs, rewards, dones, infos = self.venv.step_wait()
            infos[0]["episode"] = {"r": 1.0, "l": 1, "t": 0.0}
            return obs, rewards, dones, infos

    lengths = []
    for algorithm in (sb3_contrib.RecurrentPPO, RecurrentPPO):
        model = algorithm(MlpRnnPolicy, Trial(random_vec_env()), n_steps=8, device="cpu", seed=0)
        model.learn(16)
        lengths.append([info["l"] for info in model.ep_info_buffer])
    assert lengths[0] == lengths[1]
    assert len(lengths[1]) >= 8


@pytest.mark.parametrize(
    ("name", "seen", "done"),
    [
        ("action_space", BOX, spaces.Discrete(3, start=1)),
        ("action_space", BOX, spaces.Discrete(3, start=-1)),
        ("action_space", BOX, spaces.MultiDiscrete([3, 4], start=[0, 2])),
        ("observation_space", spaces.Discrete(3, start=1), spaces.Discrete(2)),
    ],
)
@pytest.mark.parametrize("policy", ["MlpRnnPolicy", "MlpLstmPolicy"])
def test_values_that_do_not_start_at_zero_are_refused(
    name: str, seen: Any, done: Any, policy: str, random_vec_env: VecEnvs
) -> None:
    if (name, policy) == ("observation_space", "MlpLstmPolicy"):
        pytest.skip("upstream's policy has upstream's message")
    with pytest.raises(ValueError, match=f"{name}=.* must start at 0"):
        RecurrentPPO(policy, random_vec_env(seen, done), device="cpu")


def test_extractors_of_ones_own_bring_trunks_of_ones_own() -> None:
    def layout(**kwargs: Any) -> tuple[bool, bool, bool]:
        policy = MlpRnnPolicy(BOX, spaces.Discrete(2), lambda _: 1e-3, **kwargs)
        return policy.shared_lstm, policy.lstm_critic is not None, policy.critic is not None

    assert layout() == (True, False, False)
    assert layout(share_features_extractor=False) == (False, True, False)
    assert layout(share_features_extractor=False, enable_critic_lstm=False) == (False, False, True)
    assert layout(enable_critic_lstm=True) == (False, True, False)
    with pytest.raises(ValueError, match="share_features_extractor=False exclude each other"):
        layout(share_features_extractor=False, shared_lstm=True)


@pytest.mark.parametrize("start", [True, np.True_, [True], np.ones((1, 1), bool), np.ones(1)])
def test_predict_takes_every_form_of_an_episodes_start(start: Any) -> None:
    model = RecurrentPPO("MlpRnnPolicy", "CartPole-v1", n_steps=8, seed=0, device="cpu")
    obs = gym.make("CartPole-v1").reset(seed=0)[0]
    state = (np.ones((1, 1, 64), np.float32),) * 2
    wanted, after = model.predict(obs, deterministic=True)
    found, its = model.predict(obs, state, start, deterministic=True)
    assert np.array_equal(found, wanted)
    np.testing.assert_array_equal(its[0], after[0])


def test_dropout_is_between_layers_and_in_training_only() -> None:
    def made(n_layers: int) -> MlpRnnPolicy:
        torch.manual_seed(0)
        return MlpRnnPolicy(
            BOX, spaces.Discrete(2), lambda _: 1e-3, n_lstm_layers=n_layers,
            lstm_kwargs={"dropout": 0.9},
        )  # fmt: skip

    x = torch.randn(5, 4, 3)
    policy = made(2)
    policy.set_training_mode(False)
    first, again = (policy.lstm_actor(x)[0] for _ in range(2))
    assert torch.equal(first, again)
    policy.set_training_mode(True)
    noisy, other = (policy.lstm_actor(x)[0] for _ in range(2))
    assert not torch.equal(noisy, other)
    packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor([5, 4, 2, 1]))
    assert not torch.equal(policy.lstm_actor(packed)[0].data, policy.lstm_actor(packed)[0].data)


def agent_of(model: RecurrentPPO) -> Agent:
    agent = Agent(model)
    agent.act(np.zeros((2, 3), np.float32))
    agent.reset()
    return agent


def edit_data(policy: MlpRnnPolicy) -> None:
    for parameter in policy.parameters():
        parameter.data.mul_(1.5)


def polyak(policy: MlpRnnPolicy) -> None:
    from stable_baselines3.common.utils import polyak_update

    other = [torch.randn_like(parameter) for parameter in policy.parameters()]
    polyak_update(other, list(policy.parameters()), 0.5)


def fused(policy: MlpRnnPolicy) -> None:
    optimiser = torch.optim.Adam(policy.parameters(), lr=0.1, fused=True)
    for parameter in policy.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimiser.step()


def exchanged(policy: MlpRnnPolicy) -> None:
    for layer in policy.lstm_actor.layers:
        for part in layer.children():
            assert isinstance(part.weight_hh, nn.Parameter)
            part.weight_hh = nn.Parameter(torch.randn_like(part.weight_hh))


@pytest.mark.parametrize("change", [edit_data, polyak, fused, exchanged])
def test_an_agent_acts_by_weights_changed_in_any_way(
    change: Callable[[MlpRnnPolicy], None], random_vec_env: VecEnvs
) -> None:
    model = RecurrentPPO(MlpRnnPolicy, random_vec_env(), n_steps=8, seed=0, device="cpu")
    agent = agent_of(model)
    change(model.policy)
    fresh, obs = Agent(model), np.ones((2, 3), np.float32)
    for _ in range(3):
        agent.act(obs)
        fresh.act(obs)
    assert agent._state is not None
    assert fresh._state is not None
    assert torch.equal(agent._state[0], fresh._state[0])


def test_an_agent_leaves_training_mode_again(random_vec_env: VecEnvs) -> None:
    model = RecurrentPPO(MlpRnnPolicy, random_vec_env(), n_steps=8, seed=0, device="cpu")
    agent = agent_of(model)
    model.policy.set_training_mode(True)
    agent.act(np.zeros((2, 3), np.float32))
    assert not model.policy.training


@pytest.mark.parametrize(
    ("observation", "message"),
    [
        ((np.zeros(3, np.float32), {}), "mixing Gym API"),
        ({"a": np.zeros(3)}, "observation of type dict must be one of the space Box"),
        (np.zeros(4, np.float32), "Unexpected observation shape"),
        (None, "Unexpected observation shape"),
    ],
)
def test_what_is_no_observation_is_refused_in_one_line(
    observation: Any, message: str, random_vec_env: VecEnvs
) -> None:
    model = RecurrentPPO(MlpRnnPolicy, random_vec_env(), n_steps=8, device="cpu")
    for act in (Agent(model).act, model.predict):
        with pytest.raises(ValueError, match=message) as caught:
            act(observation)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("observation", "message"),
    [
        ({"a": np.zeros(3)}, r"observation has the parts \['a'\]; it must have \['a', 'b'\]"),
        ({"a": np.zeros(3), "c": 1}, r"has the parts \['a', 'c'\]; it must have \['a', 'b'\]"),
        ({"a": np.zeros((2, 3)), "b": np.zeros(1, int)}, "must agree"),
        (np.zeros(3), "of type ndarray must be one of the space Dict"),
    ],
)
def test_a_wrong_dict_is_refused_in_one_line(
    observation: Any, message: str, random_vec_env: VecEnvs
) -> None:
    env = random_vec_env(DICT, spaces.Discrete(2))
    model = RecurrentPPO(MultiInputRnnPolicy, env, n_steps=8, device="cpu")
    for act in (Agent(model).act, model.predict):
        with pytest.raises(ValueError, match=message):
            act(observation)

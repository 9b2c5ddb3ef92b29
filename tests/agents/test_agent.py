"""Agents remember: across calls, per episode, and across a save and a load."""

import json
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from safetensors.torch import load_file, save_file
from stable_baselines3 import PPO
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from warmrl.agents import CELLS, Agent, CnnRnnPolicy, MlpRnnPolicy, MultiInputRnnPolicy
from warmrl.agents.policies import MlpRnnPolicy as BasePolicy
from warmrl.agents.recurrent_ppo import RecurrentPPO

BOX = spaces.Box(-1.0, 1.0, (3,), np.float32)
IMAGE = spaces.Box(0, 255, (1, 36, 36), np.uint8)
DICT = spaces.Dict([("z", BOX), ("image", IMAGE), ("a", spaces.Discrete(4))])
SEEN: dict[str, spaces.Space[Any]] = {
    "box": BOX,
    "image": IMAGE,
    "dict": DICT,
    "discrete": spaces.Discrete(5),
}
DONE: dict[str, spaces.Space[Any]] = {
    "discrete": spaces.Discrete(3),
    "box": spaces.Box(-0.5, 2.0, (2, 2), np.float32),
    "multidiscrete": spaces.MultiDiscrete([3, 4]),
    "multibinary": spaces.MultiBinary(3),
}
SMALL_CNN = {"features_extractor_kwargs": {"features_dim": 6}}
EXTRACTOR: dict[str, Any] = {
    "image": SMALL_CNN,
    "dict": {"features_extractor_kwargs": {"cnn_output_dim": 6}},
}
CLASS = {"image": CnnRnnPolicy, "dict": MultiInputRnnPolicy}
every_cell = pytest.mark.parametrize("cell", CELLS)


def make_policy(seen: str = "box", done: str = "discrete", seed: int = 0, **kw: Any) -> BasePolicy:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        policy = CLASS.get(seen, MlpRnnPolicy)(
            SEEN[seen],
            DONE[done],
            lambda _: 1e-3,
            **({"lstm_hidden_size": 7} | EXTRACTOR.get(seen, {}) | kw),
        )
        for parameter in policy.parameters():  # far from the small initial actions
            parameter.data += 0.3 * torch.randn_like(parameter)
        return policy


def observations(seen: str, n: int, steps: int) -> list[Any]:
    space = SEEN[seen]
    space.seed(0)

    def batch(part: spaces.Space[Any]) -> Any:
        return np.stack([part.sample() for _ in range(n)])

    if isinstance(space, spaces.Dict):
        return [{key: batch(part) for key, part in space.items()} for _ in range(steps)]
    return [batch(space) for _ in range(steps)]


@every_cell
@pytest.mark.parametrize("seen", SEEN)
@pytest.mark.parametrize("double", [False, True])
def test_acting_is_predicting_with_the_states(seen: str, cell: str, double: bool) -> None:
    policy = make_policy(seen, cell=cell, double=double, n_lstm_layers=2)
    agent, n = Agent(policy), 4
    random = np.random.default_rng(0)
    state, starts = None, np.ones(n, dtype=bool)
    for obs in observations(seen, n, 50):
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
def test_acting_in_every_action_space(done: str) -> None:
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


@pytest.mark.parametrize("squash", [False, True])
def test_acting_with_state_dependent_exploration(squash: bool) -> None:
    policy = make_policy(done="box", use_sde=True, squash_output=squash)
    agent = Agent(policy)
    state, starts = None, np.ones(3, dtype=bool)
    for obs in observations("box", 3, 10):
        wanted, state = policy.predict(obs, state, starts, deterministic=True)
        np.testing.assert_allclose(agent.act(obs), wanted, atol=1e-5)
        starts[:] = False


def test_a_cue_is_remembered_until_reset() -> None:
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


def test_only_finished_episodes_are_forgotten() -> None:
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


def test_misuse_is_refused_in_one_line() -> None:
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


def test_a_refused_observation_leaves_the_memory_as_it_was() -> None:
    agent, twin = Agent(make_policy(done="box")), Agent(make_policy(done="box"))
    first, second = observations("box", 2, 2)
    for one in (agent, twin):
        one.act(first)
    with pytest.raises(ValueError, match="must be finite"):
        agent.act(second * np.nan)
    np.testing.assert_array_equal(agent.act(second), twin.act(second))


def test_a_dict_observation_that_is_not_finite_is_named() -> None:
    agent = Agent(make_policy("dict"))
    (obs,) = observations("dict", 2, 1)
    obs["z"][1, 0] = np.nan
    with pytest.raises(ValueError, match=r"observation 'z' is nan at \(1, 0\)"):
        agent.act(obs)


@pytest.mark.parametrize("done", DONE)
def test_sampling_is_the_agents_own(done: str) -> None:
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


def test_samples_go_on_after_a_reset() -> None:
    agent = Agent(make_policy(done="box"))
    agent.reset(seed=0)
    (obs,) = observations("box", 3, 1)
    first = agent.act(obs, deterministic=False)
    agent.reset()
    assert not np.array_equal(agent.act(obs, deterministic=False), first)


@every_cell
@pytest.mark.parametrize("seen", SEEN)
@pytest.mark.parametrize("double", [False, True])
def test_a_loaded_agent_is_the_saved_one(
    seen: str, cell: str, double: bool, tmp_path: Path
) -> None:
    policy = make_policy(seen, cell=cell, double=double, n_lstm_layers=2, net_arch=[5])
    agent = Agent(policy)
    agent.save(tmp_path / "run", {"seed": 3})
    assert json.loads((tmp_path / "run" / "config.json").read_text())["seed"] == 3
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [
        "config.json",
        "policy.safetensors",
    ]
    loaded = Agent.load(tmp_path / "run", device="cpu")
    assert type(loaded.policy) is type(policy)
    assert_same_weights(loaded, agent)
    for obs in observations(seen, 3, 6):
        np.testing.assert_array_equal(loaded.act(obs), agent.act(obs))


def assert_same_weights(a: Agent, b: Agent) -> None:
    ours, theirs = a.policy.state_dict(), b.policy.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


OPTIONS: dict[str, dict[str, Any]] = {
    "own critic": {"enable_critic_lstm": True},
    "critic without memory": {"shared_lstm": False},
    "networks": {"net_arch": {"pi": [4, 5], "vf": [6]}, "activation_fn": nn.ReLU},
    "prior": {"action_prior": (0.2, 0.3, 0.5)},
    "no value gradient": {"value_gradient": False},
}


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_is_saved(option: str, tmp_path: Path) -> None:
    agent = Agent(make_policy(**OPTIONS[option]))
    agent.save(tmp_path)
    loaded = Agent.load(tmp_path, device="cpu")
    assert_same_weights(loaded, agent)
    assert loaded.describe() == agent.describe()


@pytest.mark.parametrize("shared", [False, True])
def test_extractors_of_actor_and_critic_stay_apart_or_together(
    shared: bool, tmp_path: Path
) -> None:
    policy = make_policy("image", enable_critic_lstm=True, share_features_extractor=shared)
    assert (policy.pi_features_extractor is policy.vf_features_extractor) == shared
    Agent(policy).save(tmp_path)
    loaded = Agent.load(tmp_path, device="cpu")
    assert_same_weights(loaded, Agent(policy))
    assert (loaded.policy.pi_features_extractor is loaded.policy.vf_features_extractor) == shared


@pytest.mark.parametrize(
    ("done", "sde"),
    [
        *((done, {}) for done in DONE),
        ("box", {"use_sde": True}),
        ("box", {"use_sde": True, "squash_output": True, "use_expln": True, "full_std": False}),
    ],
)
def test_every_action_space_is_saved(done: str, sde: dict[str, Any], tmp_path: Path) -> None:
    agent = Agent(make_policy(done=done, **sde))
    agent.save(tmp_path)
    loaded, again = (Agent.load(tmp_path, device="cpu") for _ in range(2))
    assert loaded.action_space == agent.action_space
    assert_same_weights(loaded, agent)
    for obs in observations("box", 3, 5):
        np.testing.assert_array_equal(loaded.act(obs), agent.act(obs))
    for one in (agent, loaded, again):
        one.reset(seed=1)
    for obs in observations("box", 3, 5):
        sampled = loaded.act(obs, deterministic=False)
        np.testing.assert_array_equal(again.act(obs, deterministic=False), sampled)
        if not sde:  # whose noise matrix is no weight
            np.testing.assert_array_equal(agent.act(obs, deterministic=False), sampled)


def test_loading_leaves_the_global_random_state_alone(tmp_path: Path) -> None:
    Agent(make_policy()).save(tmp_path)
    before = torch.get_rng_state()
    Agent.load(tmp_path, device="cpu")
    assert torch.equal(torch.get_rng_state(), before)


def test_a_model_is_a_source_too(random_vec_env: Callable[..., VecEnv]) -> None:
    model = RecurrentPPO("MlpRnnPolicy", random_vec_env(), n_steps=4, seed=0, device="cpu")
    assert Agent(model).policy is model.policy


def test_other_policies_are_refused(random_vec_env: Callable[..., VecEnv]) -> None:
    for policy, source in (
        ("ActorCriticPolicy", PPO("MlpPolicy", random_vec_env(), n_steps=4, batch_size=4)),
        ("RecurrentActorCriticPolicy", RecurrentPPO("MlpLstmPolicy", random_vec_env(), n_steps=4)),
    ):
        with pytest.raises(TypeError, match=f"source={policy} has no recurrent policy of warmrl"):
            Agent(source)


def test_an_extractor_that_json_cannot_describe_is_refused(tmp_path: Path) -> None:
    class Own(FlattenExtractor):
        pass

    agent = Agent(make_policy(features_extractor_class=Own))
    with pytest.raises(ValueError, match="features_extractor_class=Own cannot be saved"):
        agent.save(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_activation_that_json_cannot_describe_is_refused() -> None:
    class Own(nn.Tanh):
        pass

    with pytest.raises(ValueError, match="activation_fn=Own cannot be saved"):
        Agent(make_policy(activation_fn=Own)).describe()


class Malice:
    """Unpickling this makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    Agent(make_policy()).save(tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize("name", ["policy.safetensors", "config.json"])
@pytest.mark.parametrize("how", ["pickle", "torch"])
def test_pickled_code_is_not_executed(name: str, how: str, run_dir: Path, tmp_path: Path) -> None:
    target = tmp_path / "executed"
    if how == "pickle":
        (run_dir / name).write_bytes(pickle.dumps(Malice(target)))
    else:
        torch.save(Malice(target), run_dir / name)
    with pytest.raises(ValueError, match=rf"^[^\n]*{name}[^\n]*$"):
        Agent.load(run_dir)
    assert not target.exists()
    if how == "pickle":
        pickle.loads((run_dir / name).read_bytes())
        assert target.exists()  # the trap would have worked


def test_loading_never_unpickles(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a pickle was read")

    for module in ("pickle", "_pickle", "cloudpickle"):
        for name in ("load", "loads", "Unpickler"):
            monkeypatch.setattr(sys.modules[module], name, refuse, raising=False)
    monkeypatch.setattr(torch, "load", refuse)
    Agent.load(run_dir)


@pytest.mark.parametrize("name", ["policy.safetensors", "config.json"])
def test_a_missing_file_is_named(name: str, run_dir: Path) -> None:
    (run_dir / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"^run_dir='[^\n]*' has no {name}"):
        Agent.load(run_dir)
    with pytest.raises(FileNotFoundError, match="it must be a run"):
        Agent.load(run_dir / "nowhere")


@pytest.mark.parametrize("name", ["policy.safetensors", "config.json"])
@pytest.mark.parametrize("keep", [0, 1, 7, 0.5, 0.99])
def test_a_truncated_file_is_named(name: str, keep: float, run_dir: Path) -> None:
    path = run_dir / name
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if keep < 1 else int(keep)])
    with pytest.raises(ValueError, match=rf"^[^\n]*{name}[^\n]*$"):
        Agent.load(run_dir)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"[]", b"null", b"{}", b'{"policy": 3}'])
def test_a_config_of_something_else_is_refused(content: bytes, run_dir: Path) -> None:
    (run_dir / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"^[^\n]*config.json describes no policy: [^\n]*$"):
        Agent.load(run_dir)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("class", "Exploit"),
        ("class", ["MlpRnnPolicy"]),
        ("activation_fn", "Sigmund"),
        ("activation_fn", "functional"),
        ("activation_fn", 3),
        ("arguments", {"optimizer_class": "Adam"}),
        ("arguments", {"cell": "rnn"}),
        ("arguments", {"cell": ["gru"]}),
        ("arguments", {"lstm_hidden_size": "wide"}),
        ("arguments", {"lstm_hidden_size": 1, "double": True}),
        ("arguments", {"lstm_hidden_size": -3}),
        ("arguments", {"shared_lstm": True, "enable_critic_lstm": True}),
        ("arguments", {"action_prior": [0.5, 0.5]}),
        ("arguments", {"net_arch": "deep"}),
        ("arguments", [1]),
        ("arguments", None),
        ("features_extractor_kwargs", {"depth": 3}),
        ("observation_space", {"type": "Text"}),
        ("observation_space", None),
        ("action_space", {"type": "Discrete", "n": 0, "start": 0}),
        ("action_space", {"type": "Dict", "spaces": {}}),
    ],
)
def test_a_damaged_config_is_refused(key: str, value: Any, run_dir: Path) -> None:
    config = json.loads((run_dir / "config.json").read_text())
    config["policy"][key] = value
    (run_dir / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"^[^\n]*config.json describes no policy: [^\n]*$"):
        Agent.load(run_dir)
    del config["policy"][key]
    (run_dir / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=rf"config.json describes no policy: .*{key}"):
        Agent.load(run_dir)


@pytest.mark.parametrize(
    ("name", "value"),
    [("lstm_hidden_size", 9), ("n_lstm_layers", 2), ("cell", "lstm"), ("double", False)],
)
def test_weights_of_another_policy_are_refused(name: str, value: Any, run_dir: Path) -> None:
    config = json.loads((run_dir / "config.json").read_text())
    config["policy"]["arguments"][name] = value
    (run_dir / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"^[^\n]*policy.safetensors does not fit: [^\n]*$"):
        Agent.load(run_dir)


def test_weights_that_are_absent_or_too_many_are_refused(run_dir: Path) -> None:
    path = run_dir / "policy.safetensors"
    weights = load_file(path)
    save_file(weights | {"extra": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="does not fit: .*extra"):
        Agent.load(run_dir)
    del weights["value_net.bias"]
    save_file(weights, path)
    with pytest.raises(ValueError, match=r"does not fit: .*value_net.bias"):
        Agent.load(run_dir)


def test_saving_again_replaces_both_files(run_dir: Path) -> None:
    other = Agent(make_policy(seed=5))
    other.save(run_dir)
    assert_same_weights(Agent.load(run_dir, device="cpu"), other)

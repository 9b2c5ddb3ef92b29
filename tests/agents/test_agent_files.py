"""An agent on disk: numbers and JSON, to the last bit, and nothing that is executed."""

import gc
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from stable_baselines3.common.torch_layers import FlattenExtractor
from torch import nn

from warmrl.agents import CELLS, Agent, MlpRnnPolicy

PolicyFactory: TypeAlias = Callable[..., MlpRnnPolicy]
Observations: TypeAlias = Callable[[str, int, int], list[Any]]

SEEN = ["box", "image", "dict", "discrete"]
DONE = ["discrete", "box", "multidiscrete", "multibinary"]
every_cell = pytest.mark.parametrize("cell", CELLS)


@every_cell
@pytest.mark.parametrize("seen", SEEN)
@pytest.mark.parametrize("double", [False, True])
def test_a_loaded_agent_is_the_saved_one(
    make_policy: PolicyFactory,
    observations: Observations,
    seen: str,
    cell: str,
    double: bool,
    tmp_path: Path,
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
def test_every_option_is_saved(make_policy: PolicyFactory, option: str, tmp_path: Path) -> None:
    agent = Agent(make_policy(**OPTIONS[option]))
    agent.save(tmp_path)
    loaded = Agent.load(tmp_path, device="cpu")
    assert_same_weights(loaded, agent)
    assert loaded.describe() == agent.describe()


@pytest.mark.parametrize("shared", [False, True])
def test_extractors_of_actor_and_critic_stay_apart_or_together(
    make_policy: PolicyFactory, shared: bool, tmp_path: Path
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
def test_every_action_space_is_saved(
    make_policy: PolicyFactory,
    observations: Observations,
    done: str,
    sde: dict[str, Any],
    tmp_path: Path,
) -> None:
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


def test_loading_leaves_the_global_random_state_alone(
    make_policy: PolicyFactory, tmp_path: Path
) -> None:
    Agent(make_policy()).save(tmp_path)
    before = torch.get_rng_state()
    Agent.load(tmp_path, device="cpu")
    assert torch.equal(torch.get_rng_state(), before)


def test_an_extractor_that_json_cannot_describe_is_refused(
    make_policy: PolicyFactory, tmp_path: Path
) -> None:
    class Own(FlattenExtractor):
        pass

    agent = Agent(make_policy(features_extractor_class=Own))
    with pytest.raises(ValueError, match="features_extractor_class=Own cannot be saved"):
        agent.save(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_activation_that_json_cannot_describe_is_refused(make_policy: PolicyFactory) -> None:
    class Own(nn.Tanh):
        pass

    with pytest.raises(ValueError, match="activation_fn=Own cannot be saved"):
        Agent(make_policy(activation_fn=Own)).describe()


@pytest.fixture
def run_dir(make_policy: PolicyFactory, tmp_path: Path) -> Path:
    Agent(make_policy()).save(tmp_path / "run")
    return tmp_path / "run"


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


def test_saving_again_replaces_both_files(make_policy: PolicyFactory, run_dir: Path) -> None:
    other = Agent(make_policy(seed=5))
    other.save(run_dir)
    assert_same_weights(Agent.load(run_dir, device="cpu"), other)


def test_loading_again_and_again_loses_no_memory(run_dir: Path) -> None:
    def load(times: int) -> int:
        for _ in range(times):
            Agent.load(run_dir, device="cpu")
        gc.collect()
        return sys.getallocatedblocks()

    before = load(20)
    # By safetensors' own reader of files it is two for each of the weights, which are more than ten
    assert (load(60) - before) / 60 < 10


class Extended(MlpRnnPolicy):
    pass


def with_own_class(policy: MlpRnnPolicy) -> MlpRnnPolicy:
    return Extended(policy.observation_space, policy.action_space, lambda _: 0.0)


def with_own_head(policy: MlpRnnPolicy) -> MlpRnnPolicy:
    policy.action_net = nn.Sequential(policy.action_net, nn.Tanh())
    return policy


def with_patched_method(policy: MlpRnnPolicy) -> MlpRnnPolicy:
    policy.get_distribution = partial(policy.get_distribution)
    return policy


def in_double_precision(policy: MlpRnnPolicy) -> MlpRnnPolicy:
    policy.double()
    return policy


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_own_class, "policy of class Extended cannot be saved"),
        (with_own_head, "policy with a module 'action_net' of its own"),
        (with_patched_method, "policy with other get_distribution than the library's"),
        (in_double_precision, "policy with a weight 'action_net.bias' of its own"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(
    change: Callable[[MlpRnnPolicy], MlpRnnPolicy],
    message: str,
    make_policy: PolicyFactory,
    tmp_path: Path,
) -> None:
    agent = Agent(change(make_policy()))
    with pytest.raises(ValueError, match=message):
        agent.save(tmp_path / "run")
    assert not (tmp_path / "run").exists()

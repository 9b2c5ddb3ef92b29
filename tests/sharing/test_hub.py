"""Agents pushed to a Hub on this machine through huggingface_hub, and loaded from it."""

import importlib
import json
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from warmrl.agents import Agent
from warmrl.sharing import load_from_hub, push_to_hub
from warmrl.sharing.extra import PACKAGE
from warmrl.tests.pages import blocks
from warmrl.tests.sharing.local_hub import LocalHub, serving
from warmrl.tests.test_evaluate_script import make_run
from warmrl.training import TrainConfig
from warmrl.training.config import PLACES

NAME = "me/maze"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = make_run(tmp_path / "run", length=3)
    config = json.loads((folder / "config.json").read_text())
    config["train"] |= TrainConfig(length=(3,), run_dir=folder).to_json()
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "progress.csv").write_text("a\n1\n")
    for name in ("model.zip", "checkpoint-64.safetensors", "report.html"):
        (folder / name).write_bytes(pickle.dumps(name))
    return folder


@pytest.fixture
def local_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    pytest.importorskip(PACKAGE, reason="needs the extra: pip install 'warmrl[hub]'")
    constants = importlib.import_module(f"{PACKAGE}.constants")
    served = LocalHub()
    with serving(served):
        monkeypatch.setattr(constants, "ENDPOINT", served.address)
        files = f"{served.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
        yield served


def weights(agent: Agent) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in agent.policy.state_dict().items()}


def test_there_and_back(run: Path, local_hub: LocalHub) -> None:
    url = push_to_hub(run, NAME, token="hf_secret", commit_message="solved")
    assert url.endswith(NAME)
    assert local_hub.messages == ["solved"]
    assert local_hub.tokens == {"Bearer hf_secret"}
    agent, before = load_from_hub(NAME, device="cpu"), Agent.load(run, device="cpu")
    for name, tensor in weights(before).items():
        assert torch.equal(weights(agent)[name], tensor)
    rng = np.random.default_rng(0)
    for _ in range(5):
        observation = rng.random((2, 9), dtype=np.float32)
        np.testing.assert_array_equal(agent.act(observation), before.act(observation))


def test_what_goes_there(run: Path, local_hub: LocalHub) -> None:
    push_to_hub(run, NAME)
    (_, files) = local_hub.repos[NAME]
    assert sorted(files) == ["README.md", "config.json", "policy.safetensors", "progress.csv"]
    assert files["policy.safetensors"] == (run / "policy.safetensors").read_bytes()
    assert f'load_from_hub("{NAME}")' in files["README.md"].decode()
    config = json.loads(files["config.json"])
    assert {name: config["train"][name] for name in PLACES} == dict.fromkeys(PLACES)
    assert all(str(run).encode() not in content for content in files.values())
    assert config["train"]["env_kwargs"] == {"length": 3}
    assert not local_hub.private[NAME]


def test_a_card_of_its_own_is_kept(run: Path, local_hub: LocalHub) -> None:
    (run / "README.md").write_text("---\ntags: [mine]\n---\nMine.\n")
    push_to_hub(run, NAME, private=True)
    assert local_hub.repos[NAME][-1]["README.md"] == (run / "README.md").read_bytes()
    assert local_hub.private[NAME]


def test_an_agent_without_a_run(run: Path, local_hub: LocalHub) -> None:
    agent = Agent.load(run, device="cpu")
    push_to_hub(agent, NAME)
    assert sorted(local_hub.repos[NAME][-1]) == ["README.md", "config.json", "policy.safetensors"]
    assert weights(load_from_hub(NAME)).keys() == weights(agent).keys()


def test_a_second_push_and_its_revisions(run: Path, tmp_path: Path, local_hub: LocalHub) -> None:
    push_to_hub(run, NAME)
    push_to_hub(make_run(tmp_path / "other", cell="lstm", length=3), NAME)
    assert len(local_hub.repos[NAME]) == 3
    assert load_from_hub(NAME).policy.cell == "lstm"
    first = local_hub.sha(NAME, 1)
    assert load_from_hub(NAME, revision=first).policy.cell == "gru"


def test_nothing_but_the_agent_is_fetched(
    run: Path, local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    push_to_hub(run, NAME)
    local_hub.commit(NAME, model__zip=b"a trap", policy__pkl=b"another")

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a pickle was read")

    for module in ("pickle", "_pickle", "cloudpickle"):
        for name in ("load", "loads", "Unpickler"):
            monkeypatch.setattr(sys.modules[module], name, refuse, raising=False)
    monkeypatch.setattr(torch, "load", refuse)
    local_hub.asked.clear()
    load_from_hub(NAME)
    fetched = {path.rpartition("/")[2] for path in local_hub.asked if path.startswith("GET /me/")}
    assert fetched == {"config.json", "policy.safetensors"}


def test_what_was_fetched_is_there_without_the_hub(
    run: Path, local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    push_to_hub(run, NAME)
    load_from_hub(NAME)
    monkeypatch.setattr(
        importlib.import_module(f"{PACKAGE}.constants"), "ENDPOINT", "http://127.0.0.1:9"
    )
    assert load_from_hub(NAME).policy.cell == "gru"
    with pytest.raises(OSError, match=r"^repo_id='me/other': [^\n]+$"):
        load_from_hub("me/other")
    with pytest.raises(OSError, match=r"^repo_id='me/maze': [^\n]+$"):
        push_to_hub(run, NAME)


def test_what_is_wrong_is_one_line(run: Path, local_hub: LocalHub) -> None:
    with pytest.raises(OSError, match=r"^repo_id='me/nothing': [^\n]*Not Found[^\n]*$"):
        load_from_hub("me/nothing")
    with pytest.raises(ValueError, match=r"^[^\n]*me/no/name[^\n]*$"):
        push_to_hub(run, "me/no/name")
    with pytest.raises(FileNotFoundError, match=r"has no config\.json; it must be a run"):
        push_to_hub(run / "nowhere", NAME)
    (run / "policy.safetensors").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"policy\.safetensors does not fit"):
        push_to_hub(run, NAME)
    assert local_hub.repos == {}


def test_a_stranger_s_agent_is_refused(local_hub: LocalHub) -> None:
    local_hub.commit(NAME, config__json=b"{}", policy__safetensors=b"")
    with pytest.raises(ValueError, match="describes no policy"):
        load_from_hub(NAME)


def test_the_page(run: Path, local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parent)
    (run.parent / "runs").mkdir()
    run.rename("runs/TMaze-v0-gru-frame-0")
    names: dict[str, Any] = {"observation": np.zeros(9, np.float32)}
    (code,) = blocks("docs/sharing.md", "python")
    exec(compile(code, "sharing.md", "exec"), names)
    assert names["action"] in range(4)


def test_without_the_extra(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    for call in (lambda: push_to_hub(run, NAME), lambda: load_from_hub(NAME)):
        with pytest.raises(ModuleNotFoundError, match=r"^[^\n]+ pip install 'warmrl\[hub\]'$"):
            call()

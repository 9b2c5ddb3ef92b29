"""Model cards: the metadata that the Hub reads, and the text that a person does."""

import dataclasses
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from warmrl.agents import Agent
from warmrl.evaluation import Certificate, DelayResult, write_evaluation
from warmrl.sharing import model_card, write_card
from warmrl.sharing.extra import PACKAGE, hub
from warmrl.tests.test_evaluate_script import make_run
from warmrl.training import TrainConfig

ROWS = [
    DelayResult(3, 100, 1.0, 0.963, 1.0, 4.0, 4.0, 4.0),
    DelayResult(2000, 100, 0.5, 0.404, 0.596, 1.954321, 4.0, 2001.0),
]
HOLDS = Certificate(True, 2, 6, 38593, "")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    pytest.importorskip(PACKAGE, reason="needs the extra: pip install 'warmrl[hub]'")
    folder = make_run(tmp_path / "run", length=3)
    config = json.loads((folder / "config.json").read_text())
    config["train"] = TrainConfig(length=(3,), seed=7, run_dir=folder).to_json()
    config["summary"] = {"steps": 917632, "solved_at": 262144, "vaa_before": 0.005, "vaa_after": 1}
    config["versions"] = {"warmrl": "0.1.0", "torch": "2.13.0"}
    (folder / "config.json").write_text(json.dumps(config))
    write_evaluation(folder, ROWS, HOLDS)
    return folder


def metadata(card: str) -> dict[str, Any]:
    data: dict[str, Any] = hub().ModelCard(card).data.to_dict()
    return data


def test_its_metadata(run: Path) -> None:
    said = metadata(model_card(run, "me/maze"))
    assert (said["library_name"], said["pipeline_tag"]) == ("warmrl", "reinforcement-learning")
    assert {"stable-baselines3", "memory", "gru", "warmrl/TMaze-v0"} <= set(said["tags"])
    (model,) = said["model-index"]
    assert model["name"] == "RecurrentPPO, double GRU of 64"
    found = [
        (result["dataset"]["name"], {m["type"]: m["value"] for m in result["metrics"]})
        for result in model["results"]
    ]
    assert found == [
        ("warmrl/TMaze-v0, length 3", {"mean_reward": 4.0, "success_rate": 1.0}),
        ("warmrl/TMaze-v0, length 2000", {"mean_reward": 1.9543, "success_rate": 0.5}),
    ]
    for result in model["results"]:
        assert result["task"]["type"] == "reinforcement-learning"
        assert result["dataset"]["type"] == "warmrl/TMaze-v0"


@pytest.mark.parametrize(
    "words",
    [
        "# Double GRU of 64 on warmrl/TMaze-v0\n",
        "trained on `warmrl/TMaze-v0` (length=3).\n",
        "VAA 0.005 before,\n1.000 after.\n",
        'agent = load_from_hub("me/maze")\n',
        "| length | success | interval | mean return | best possible | steps |\n|---|",
        "| 2 000 | 0.500 | 0.404 - 0.596 | 1.954 | 4.000 | 2001.0 |\n",
        "**Certified**: right for every length from 2 on.",
        "cycle of 6 steps, found after 38 593 steps",
        "\n![evaluation.png](evaluation.png)\n",
        "917 632 environment steps, solved at 262 144, seed 7.\n",
        '"learning_rate": 0.002',
        "| torch | 2.13.0 |\n",
    ],
)
def test_its_text(run: Path, words: str) -> None:
    (run / "evaluation.png").write_bytes(b"")
    assert words in model_card(run, "me/maze")


def test_it_tells_nothing_of_this_machine(run: Path) -> None:
    card = model_card(run)
    assert str(run) not in card
    assert 'Agent.load("RUN_DIR")' in card
    assert "load_from_hub" not in card


def test_what_is_not_known_is_left_out(run: Path, tmp_path: Path) -> None:
    Agent.load(run).save(tmp_path / "bare")
    card = model_card(tmp_path / "bare", "me/maze")
    assert not {"model-index", "model_name"} & set(metadata(card))
    assert re.findall(r"^#+ .*", card, re.MULTILINE) == ["# Double GRU of 64", "## Use"]
    assert "None" not in card
    assert "\n\n\n" not in card


def test_another_s_environment(run: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    config["train"] |= {"env": "CartPole-v1", "env_kwargs": {}, "warmup": "none"}
    (run / "config.json").write_text(json.dumps(config))
    unknown: dict[str, Any] = dict.fromkeys(
        ("delay", "success_rate", "ci_low", "ci_high", "optimal_return")
    )
    write_evaluation(run, [dataclasses.replace(ROWS[0], **unknown)])
    card = model_card(run)
    (model,) = metadata(card)["model-index"]
    assert [result["dataset"]["name"] for result in model["results"]] == ["CartPole-v1"]
    assert "| - | - | - | 4.000 | - | 4.0 |\n" in card
    assert "ertified" not in card
    assert "warmed up" not in card


def test_it_is_written_into_the_folder(run: Path) -> None:
    (run / "README.md").write_text("an old one")
    assert write_card(run, "me/maze") == run / "README.md"
    assert (run / "README.md").read_text(encoding="utf-8") == model_card(run, "me/maze")


def test_a_certificate_that_does_not_hold(run: Path) -> None:
    write_evaluation(run, ROWS, Certificate(False, None, None, 9, "undecided"))
    assert "Not certified: it is not known" in model_card(run)


@pytest.mark.parametrize("text", ["[]", "{", '{"results": [{"delay": 3}], "certificate": null}'])
def test_a_damaged_evaluation_is_refused(run: Path, text: str) -> None:
    (run / "evaluation.json").write_text(text)
    with pytest.raises(ValueError, match=r"evaluation\.json must be what evaluate\.py writes: "):
        model_card(run)


def test_without_the_extra(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    with pytest.raises(ModuleNotFoundError, match=r"^[^\n]+ pip install 'warmrl\[hub\]'$"):
        write_card(run)
    assert not (run / "README.md").exists()

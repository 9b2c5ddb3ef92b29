"""What a run tells TensorBoard: curves, settings, VAA, success over delays, and figures."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from warmrl.evaluation import DelayResult, History, portray
from warmrl.tests.training.short_runs import SHORT
from warmrl.train import main
from warmrl.training import TrainConfig, write_outcome, write_settings

event_accumulator = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator",
    reason="needs the extra: pip install 'warmrl[tensorboard]'",
)
NONE = np.empty(0)


def read(folder: Path) -> Any:
    """All that TensorBoard finds in a folder."""
    events = event_accumulator.EventAccumulator(str(folder), size_guidance={"images": 0})
    return events.Reload()


def last(events: Any) -> dict[str, tuple[int, float]]:
    """Step and value of every scalar's last event."""
    found = {tag: events.Scalars(tag)[-1] for tag in events.Tags()["scalars"]}
    return {tag: (event.step, event.value) for tag, event in found.items()}


def hyper_parameters(events: Any) -> dict[str, Any]:
    plugin = pytest.importorskip("tensorboard.plugins.hparams.plugin_data_pb2")
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    found = plugin.HParamsPluginData.FromString(content).session_start_info.hparams
    return {name: getattr(value, value.WhichOneof("kind")) for name, value in dict(found).items()}


def test_a_run_leaves_curves_settings_and_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("warmrl.train.portray", partial(portray, n_steps=20))
    main([*SHORT, "--tensorboard", "--run-dir", "run"])
    events = read(tmp_path / "run")
    scalars = last(events)
    assert {"rollout/ep_rew_mean", "train/loss"} <= set(scalars)
    assert scalars["warmup/vaa_after"][0] == 192
    assert 0 < scalars["warmup/vaa_after"][1] <= 1
    assert scalars["evaluation/success_rate"] == scalars["evaluation/success_rate/3"]
    assert set(events.Tags()["images"]) == {
        "figures/success",
        "figures/training",
        "figures/attractors",
    }
    (image,) = events.Images("figures/attractors")
    assert image.encoded_image_string.startswith(b"\x89PNG")
    assert hyper_parameters(events)["n_envs"] == 4


def test_nothing_is_told_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    main([*SHORT, "--run-dir", "run"])
    assert not list(tmp_path.rglob("*tfevents*"))


def test_settings_are_hyper_parameters(tmp_path: Path) -> None:
    config = TrainConfig(length=(3, 5), cell="lstm", seed=7, run_dir=tmp_path / "secret")
    write_settings(tmp_path, config)
    found = hyper_parameters(read(tmp_path))
    assert (found["cell"], found["seed"], found["double"]) == ("lstm", 7, True)
    assert found["learning_rate"] == pytest.approx(config.learning_rate)
    assert found["length"] == "(3, 5)"
    assert "run_dir" not in found


def test_the_outcome_by_hand(tmp_path: Path) -> None:
    rows = [
        DelayResult(2000, 10, 0.5, 0.2, 0.8, 1.5, 4.0, 2001.0),
        DelayResult(20, 10, 1.0, 0.7, 1.0, 4.0, 4.0, 21.0),
    ]
    write_outcome(tmp_path, 64, History(NONE, NONE, vaa_before=0.25), rows, {})
    assert last(read(tmp_path)) == {
        "warmup/vaa_before": (64, 0.25),
        "evaluation/success_rate": (64, 0.5),
        "evaluation/success_rate/20": (64, 1.0),
        "evaluation/success_rate/2000": (64, 0.5),
        "evaluation/mean_return": (64, 1.5),
        "evaluation/mean_return/20": (64, 4.0),
        "evaluation/mean_return/2000": (64, 1.5),
    }


def test_an_environment_without_delays(tmp_path: Path) -> None:
    row = DelayResult(None, 10, None, None, None, 12.0, None, 12.0)
    write_outcome(tmp_path, 8, History(NONE, NONE), [row], {})
    assert last(read(tmp_path)) == {"evaluation/mean_return": (8, 12.0)}

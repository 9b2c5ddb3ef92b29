"""How a run went, from what its folder holds."""

import json
from pathlib import Path

import pytest

from warmrl.evaluation import read_history


def test_both_files(tmp_path: Path) -> None:
    (tmp_path / "progress.csv").write_text(
        "time/total_timesteps,rollout/success_rate,train/loss\n128,,\n256,0.25,\n512,1.0,0.5\n"
    )
    summary = {"vaa_before": 0.1, "vaa_after": 0.9}
    (tmp_path / "config.json").write_text(json.dumps({"summary": summary}))
    history = read_history(tmp_path)
    assert history.steps.tolist() == [256, 512]
    assert history.success.tolist() == [0.25, 1.0]
    assert (history.vaa_before, history.vaa_after) == (0.1, 0.9)


def test_what_is_not_there_is_not_told(tmp_path: Path) -> None:
    history = read_history(tmp_path)
    assert len(history.steps) == len(history.success) == 0
    assert history.vaa_before is history.vaa_after is None
    (tmp_path / "progress.csv").write_text("time/total_timesteps,train/loss\n128,0.5\n")
    (tmp_path / "config.json").write_text("{}")
    assert len(read_history(tmp_path).steps) == 0


def test_damaged_progress_is_named(tmp_path: Path) -> None:
    (tmp_path / "progress.csv").write_text("time/total_timesteps,rollout/success_rate\n128,much\n")
    with pytest.raises(ValueError, match=r"progress\.csv must hold numbers: .*'much'"):
        read_history(tmp_path)

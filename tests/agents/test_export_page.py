"""The page on exporting: its Python runs as it stands, on a maze."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from warmrl.agents.onnx_export import NEEDED
from warmrl.envs import TMaze  # noqa: F401  (registers the ids)
from warmrl.tests.pages import blocks
from warmrl.tests.test_evaluate_script import make_run


def test_its_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in (*NEEDED, "onnxruntime"):
        pytest.importorskip(package, reason="needs the extra onnx: pip install 'warmrl[onnx]'")
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "runs/TMaze-v0-gru-frame-0", length=3)
    names: dict[str, Any] = {"env": gym.make("warmrl/TMaze-v0", length=3)}
    export, *uses = blocks("docs/export.md", "python")
    exec(compile(export, "export.md", "exec"), names)
    assert len(uses) == 2
    for use in uses:
        exec(compile(use, "export.md", "exec"), names)
        assert names["done"]
        assert names.pop("logits").shape == (1, 4)
        assert names["h"].any()

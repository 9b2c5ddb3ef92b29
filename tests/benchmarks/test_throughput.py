"""The throughput benchmark, as anyone runs it, at a tiny size."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("cell", ["gru", pytest.param("lstm", marks=pytest.mark.slow)])
def test_it_prints_a_table_and_writes_its_numbers(cell: str, tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "throughput.py"
    options = {"length": 3, "hidden": 4, "n-envs": 2, "n-steps": 6, "epochs": 1, "repeats": 2}
    sizes = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    done = subprocess.run(
        [sys.executable, str(script), *sizes, "--cell", cell, "--json", str(tmp_path / "it.json")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"warmrl, {cell}" in done.stdout
    written = json.loads((tmp_path / "it.json").read_text())
    rows = written["rows"]
    assert len(rows) == (6 if cell == "gru" else 5)
    assert rows[0]["ratio"] == 1
    assert written["config"]["n_envs"] == 2
    for row in rows:
        assert min(row["environment"], row["acting"], row["update"], row["of_limit"]) > 0
        assert row["ratio"] * rows[0]["steps_per_second"] == pytest.approx(row["steps_per_second"])

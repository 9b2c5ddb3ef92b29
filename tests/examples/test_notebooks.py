"""The notebooks: their code runs, and what they show is what it printed."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

from warmrl.tests.examples.shorter import shorten_warmups, shortened
from warmrl.tests.pages import ROOT
from warmrl.warmup import ConsolidationConfig

NOTEBOOKS = sorted((ROOT / "docs/notebooks").glob("*.ipynb"))
SHORTER = {"100_000": "64", "(30, 300, 3000)": "(10, 20)", "(1, 10, 100, 1000)": "(1, 3)"}
MISSING = "needs nbclient and ipykernel: pip install 'warmrl[test]'"


def code_cells(notebook: Path) -> list[dict[str, Any]]:
    cells = json.loads(notebook.read_text())["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def short(code: str) -> str:
    for long, brief in SHORTER.items():
        code = code.replace(long, brief)
    return shortened(code)


def test_there_is_one() -> None:
    assert "first_memory.ipynb" in [path.name for path in NOTEBOOKS]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_shortened(notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_warmups(monkeypatch)
    brief = partial(ConsolidationConfig, n_steps=2, max_drift_steps=2)
    monkeypatch.setattr("warmrl.warmup.consolidation.ConsolidationConfig", brief)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    with mpl.rc_context({"backend": "agg"}):
        for cell in code_cells(notebook):
            exec(compile(short("".join(cell["source"])), notebook.name, "exec"), names)
        names["plt"].close("all")
    assert names["warm"].num_timesteps == names["cold"].num_timesteps == 64
    assert (tmp_path / "runs/first-memory/policy.safetensors").is_file()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_was_run_from_top_to_bottom(notebook: Path) -> None:
    cells = code_cells(notebook)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    kinds = [(output["output_type"], output.get("name")) for output in outputs]
    assert not [kind for kind in kinds if kind[0] == "error" or kind[1] == "stderr"]


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_as_it_stands(notebook: Path, tmp_path: Path) -> None:
    nbclient, nbformat, _ = (
        pytest.importorskip(package, reason=MISSING)
        for package in ("nbclient", "nbformat", "ipykernel")
    )

    def printed(notebook: Any) -> list[str]:
        outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
        return [output.text for output in outputs if output.output_type == "stream"]

    stored = nbformat.read(notebook, as_version=4)
    fresh = nbformat.read(notebook, as_version=4)
    nbclient.NotebookClient(
        fresh,
        timeout=600,
        coalesce_streams=True,  # on a busy machine what is printed comes in pieces
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    assert printed(fresh)[:2] == printed(stored)[:2]
    assert "warmed up ['30: 1.00', '300: 1.00'" in printed(fresh)[-1]

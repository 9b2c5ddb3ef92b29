"""The page on sweeps: its table is read as it says."""

from pathlib import Path

import pytest

from warmrl.sweeps import append_row
from warmrl.tests.pages import blocks


def test_a_table_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = blocks("docs/sweeps.md", "python")
    monkeypatch.chdir(tmp_path)
    folder = Path("runs/sweeps/cells")
    folder.mkdir(parents=True)
    for seed, solved in enumerate((30, 10, 20)):
        row = {"key": f"cell=gru/seed-{seed}", "group": "cell=gru", "solved_at": solved}
        append_row(folder / "results.jsonl", row | {"score": seed / 2, "success": {"3": seed / 2}})
    exec(compile(code, "docs/sweeps.md", "exec"), {})
    assert capsys.readouterr().out.splitlines()[-1].split() == ["cell=gru", "0.5", "20"]

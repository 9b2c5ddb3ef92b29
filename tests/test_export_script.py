"""The export script, as a user runs it."""

from pathlib import Path

import pytest

from warmrl.agents.onnx_export import NEEDED
from warmrl.export import main
from warmrl.tests.mistakes.commands import refused
from warmrl.tests.test_evaluate_script import make_run


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return make_run(Path("run"), length=3)


@pytest.mark.parametrize("args", [["run"], ["run", "mine.onnx"], ["run", "mine.pt2"]])
def test_it_writes_the_file(run: Path, args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for package in () if args[-1].endswith(".pt2") else NEEDED:
        pytest.importorskip(package, reason="needs the extra onnx: pip install 'warmrl[onnx]'")
    main(args)
    path = Path(args[1]) if len(args) > 1 else run / "policy.onnx"
    assert path.stat().st_size > 1000
    assert capsys.readouterr().out == f"exported to {path}; to run it see docs/export.md\n"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ("", "Missing from"),
        ("none", "run_dir='none' has no config.json"),
        ("run run", "path='run' must be a file in a folder that exists"),
        ("run policy.pth", "path='policy.pth' must end in .onnx or .pt2"),
        ("run nowhere/policy.onnx", "path='nowhere/policy.onnx' must be a file in a folder that"),
    ],
)
def test_mistakes(run: Path, args: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert words in refused(main, args.split(), capsys)


def test_what_is_missing_is_named(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("warmrl.agents.onnx_export.NEEDED", ("warmed", "thawed"))
    said = refused(main, ["run"], capsys)
    assert "needs warmed and thawed; install them: pip install 'warmrl[onnx]'" in said

"""The export script, as a user runs it."""

import sys
from pathlib import Path

import pytest

from warmrl.agents.onnx_export import NEEDED
from warmrl.export import main
from warmrl.sharing.extra import PACKAGE
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
        ("run --private", "private=True must be left out without --push"),
        ("none --push me/maze", "run_dir='none' has no config.json"),
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


def test_a_card_and_nothing_else(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip(PACKAGE, reason="needs the extra: pip install 'warmrl[hub]'")
    main(["run", "--card"])
    assert capsys.readouterr().out == "to read: run/README.md\n"
    assert "# Double GRU of 64 on warmrl/TMaze-v0\n" in (run / "README.md").read_text()
    assert not (run / "policy.onnx").exists()


@pytest.mark.parametrize("private", [(), ("--private",)])
def test_a_push(
    run: Path,
    private: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pushed: list[tuple[object, ...]] = []

    def push(source: Path, repo_id: str, private: bool | None) -> str:
        pushed.append((source, repo_id, private))
        return "https://hub/me/maze"

    monkeypatch.setattr("warmrl.export.push_to_hub", push)
    main(["run", "--push", "me/maze", *private])
    assert pushed == [(run, "me/maze", True if private else None)]
    assert capsys.readouterr().out == "shared at https://hub/me/maze\n"


@pytest.mark.parametrize("asked", ["--card", "--push me/maze"])
def test_a_card_and_the_hub_need_their_extra(
    run: Path, asked: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    said = refused(main, ["run", *asked.split()], capsys)
    assert said.endswith("install it: pip install 'warmrl[hub]'\n")

"""How the scripts are called: by path, as modules, as installed programs."""

import shutil
import subprocess
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from warmrl.command_line import command
from warmrl.train import main


@pytest.mark.parametrize(
    ("argument", "module", "said"),
    [
        ("train.py", None, "python evaluate.py"),
        ("evaluate.py", None, "python evaluate.py"),
        ("/a/b/train.py", None, "python /a/b/evaluate.py"),
        ("/a/b/train.py", "warmrl.train", "python -m warmrl.evaluate"),
        ("/usr/bin/warmrl-train", None, "warmrl-evaluate"),
        ("warmrl-train.exe", None, "warmrl-evaluate"),
        ("/usr/bin/pytest", "pytest.__main__", "python evaluate.py"),
        ("", None, "python evaluate.py"),
    ],
)
def test_a_script_is_named_as_it_was_started(
    argument: str, module: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = types.ModuleType("__main__")
    started.__spec__ = None if module is None else ModuleSpec(module, None)
    monkeypatch.setitem(sys.modules, "__main__", started)
    monkeypatch.setattr(sys, "argv", [argument])
    assert command("evaluate") == said


def completion(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stop:
        main(["--tyro-print-completion", shell])
    assert not stop.value.code
    return capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_the_flags(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = completion(shell, capsys)
    assert "warmrl-train" in said
    assert "--total-timesteps" in said


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_reads_its_completion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "completion").write_text(completion("bash", capsys))
    script = f"source {tmp_path / 'completion'} && complete -p warmrl-train"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("complete ")


def test_help_fits_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("usage: python train.py ")
    assert [line for line in lines if len(line) > 80] == []

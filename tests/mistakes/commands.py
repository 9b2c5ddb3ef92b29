"""Scripts called wrongly: one line on standard error, exit status 2, nothing written."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from warmrl.train import main as train

SMALL = (
    *("--length", "3", "--n-envs", "4", "--n-steps", "8", "--hidden-size", "8"),
    *("--total-timesteps", "32", "--warmup", "none", "--eval-delays", "3", "--eval-episodes", "2"),
)


def make_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run of train.py."""
    train([*SMALL, "--run-dir", str(folder)])
    capsys.readouterr()


def contents(folder: Path) -> dict[Path, bytes | None]:
    """Everything in a folder, at any depth; a folder in it has no bytes."""
    return {p: p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def refused(
    main: Callable[[Sequence[str]], None], args: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> str:
    """The one line with which a script stops, in a folder that it leaves as it was."""
    before = contents(Path())
    with pytest.raises(SystemExit) as stop:
        main(args)
    out, err = capsys.readouterr()
    assert stop.value.code == 2, err
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert contents(Path()) == before
    return err

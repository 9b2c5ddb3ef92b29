"""A run needs no network: training, evaluation and its report open no connection."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from warmrl.evaluate import main as evaluate
from warmrl.export import main as export
from warmrl.train import main as train

BRIEF = (
    *("--length", "3", "--n-envs", "4", "--n-steps", "8", "--hidden-size", "8"),
    *("--total-timesteps", "64", "--warmup-steps", "2", "--warmup-episodes", "8"),
    *("--eval-delays", "3", "--eval-episodes", "2", "--run-dir", "run"),
)


@pytest.fixture
def isolated(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Nothing is connected to, and nobody asked for an address; what was tried."""
    tried: list[Any] = []

    def refuse(*args: Any, **_: Any) -> NoReturn:
        tried.append(args)
        raise OSError("there is no network")

    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("getaddrinfo", "gethostbyname", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    yield tried
    assert tried == []


def test_a_run_opens_no_connection(
    isolated: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    train(BRIEF)
    train(["--resume", "run", "--total-timesteps", "128"])
    evaluate(["run", "--delays", "3", "9", "--episodes", "2", "--certify", "--report"])


def test_an_export_opens_no_connection(
    isolated: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx")
    monkeypatch.chdir(tmp_path)
    train(BRIEF)
    export(["run", "policy.onnx"])
    assert Path("policy.onnx").exists()


def test_the_isolation_is_one(monkeypatch: pytest.MonkeyPatch, isolated: list[Any]) -> None:
    with socket.socket() as one, pytest.raises(OSError, match="there is no network"):
        one.connect(("127.0.0.1", 9))
    isolated.clear()

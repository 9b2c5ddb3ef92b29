"""The progress bar, on a terminal and elsewhere."""

import io

import pytest

from warmrl.train import train
from warmrl.training import ProgressBar, TrainConfig


class Terminal(io.StringIO):
    """A standard error that is a terminal, or is not."""

    def __init__(self, is_one: bool) -> None:
        super().__init__()
        self.is_one = is_one

    def isatty(self) -> bool:
        return self.is_one


def drawn(monkeypatch: pytest.MonkeyPatch, is_terminal: bool, warmup: str) -> str:
    terminal = Terminal(is_terminal)
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    config = TrainConfig(
        length=(3,), n_envs=32, n_steps=32, hidden_size=8, warmup=warmup, warmup_steps=25,
        warmup_episodes=8, total_timesteps=3000,
    )  # fmt: skip
    with ProgressBar(config.warmup_steps, config.total_timesteps) as bar:
        bar._bar.live.refresh_per_second = 1000  # so that nothing is missed
        train(config, bar=bar)
        bar._bar.refresh()
    return terminal.getvalue()


def test_a_terminal_shows_warm_up_and_training(monkeypatch: pytest.MonkeyPatch) -> None:
    text = drawn(monkeypatch, True, "frame")
    for expected in ("training", "3,072/3,000 steps", "success 0.", "return ", "VAA 0.", " left"):
        assert expected in text


def test_there_is_no_vaa_without_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    text = drawn(monkeypatch, True, "none")
    assert "training" in text
    assert "VAA" not in text


def test_elsewhere_there_is_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn(monkeypatch, False, "frame") == ""


def test_vaa_star_is_shown_once_it_means_something(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(True)
    monkeypatch.setattr("sys.stderr", terminal)
    bar = ProgressBar(30, 100)
    shown = []
    for step in range(1, 31):
        bar.on_warmup_step(step, 1.0 if step <= 10 else 0.5)
        shown.append(bar._bar.tasks[0].fields["shown"])
    assert shown[:19] == [""] * 19
    assert shown[19] == "VAA* 0.75"
    assert shown[29] == "VAA* 0.50"

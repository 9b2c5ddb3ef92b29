"""Published code in a version that takes a second."""

import pytest

from warmrl.warmup import WarmupConfig

SHORTER = {
    "n_envs=32": "n_envs=4",
    "make_env(32": "make_env(4",
    "n_steps=128": "n_steps=16",
    "n_steps=256": "n_steps=16",
    "batch_size=1024": "batch_size=32",
    "batch_size=256": "batch_size=32",
    "n_episodes=256": "n_episodes=16",
    "(10, 100, 1000)": "(10, 20)",
    "n_eval_episodes=40": "n_eval_episodes=2",
}


def shortened(code: str) -> str:
    """The same code on less data."""
    for long, short in SHORTER.items():
        code = code.replace(long, short)
    return code


def shorten_warmups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let default warm-ups take two gradient steps."""
    suited = WarmupConfig.suited
    brief = {"n_steps": 2, "batch_size": 8, "vaa_states": 10, "vaa_steps": 2}
    monkeypatch.setattr(
        WarmupConfig, "suited", lambda cell_state, **kw: suited(cell_state, **brief | kw)
    )

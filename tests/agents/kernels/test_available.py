"""Where kernels cannot run their twins do, and it is said once why."""

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import llvmlite
import numba
import pytest
import torch

from warmrl.agents.kernels import available, can_run, limited_threads
from warmrl.agents.layers import RecurrentStack

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def asked_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(available.VARIABLE, raising=False)
    available.compiled.cache_clear()
    yield
    monkeypatch.undo()
    available.compiled.cache_clear()


def test_they_run_where_all_is_as_it_was_tried() -> None:
    assert can_run(torch.zeros(1))
    assert can_run(torch.zeros(1, dtype=torch.float64))
    assert not can_run(torch.zeros(1, dtype=torch.float16))
    assert not can_run(torch.zeros(1, device="meta"))


def test_installers_are_told_the_versions_that_were_tried() -> None:
    (oldest, newest), text = available.TRIED["numba"], (ROOT / "pyproject.toml").read_text()
    upper = (*newest[:-1], newest[-1] + 1)
    assert f'"numba>={oldest[0]}.{oldest[1]},<{upper[0]}.{upper[1]}"' in text


@pytest.mark.parametrize("value", ["on", ""])
def test_on_is_the_default(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(available.VARIABLE, value)
    assert can_run(torch.zeros(1))


def test_off_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(available.VARIABLE, "off")
    assert not can_run(torch.zeros(1))
    with limited_threads():
        pass


@pytest.mark.parametrize("value", ["ON", "0", "maybe"])
def test_other_values_are_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(available.VARIABLE, value)
    for call in (lambda: can_run(torch.zeros(1)), lambda: RecurrentStack("gru", 2, 3)):
        with pytest.raises(ValueError, match=f"WARMRL_KERNELS='{value}' must be 'on' or 'off'"):
            call()


@pytest.mark.parametrize(
    ("target", "name", "value", "why"),
    [
        (sys.modules, "numba", None, "numba"),
        (numba, "__version__", "0.60.0", r"numba 0\.60\.0 must be from 0\.61 to 0\.\d+"),
        (numba, "__version__", "0.99.0rc1", r"numba 0\.99\.0rc1 must be from"),
        (numba, "__version__", "1.0", r"numba 1\.0 must be from"),
        (llvmlite, "__version__", "0.51.0", r"llvmlite 0\.51\.0 must be from 0\.44 to 0\.50"),
        (numba.config, "DISABLE_JIT", True, "NUMBA_DISABLE_JIT is set"),
        (sys.modules, "warmrl.agents.kernels.compiled", None, "compiled"),
    ],
)
def test_what_is_missing_is_said_once(
    target: object, name: str, value: object, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(target, dict):
        monkeypatch.setitem(target, name, value)
    else:
        monkeypatch.setattr(target, name, value)
    with pytest.warns(RuntimeWarning, match=f"not compiled.*{why}.*WARMRL_KERNELS=off"):
        assert not can_run(torch.zeros(1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not can_run(torch.zeros(1))


@pytest.mark.parametrize("cell", ["lstm", "gru", "brc"])
@pytest.mark.parametrize("double", [False, True])
def test_a_stack_gives_the_same_without_them(
    cell: str, double: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    stack, x = RecurrentStack(cell, 3, 5, 2, double).double(), torch.randn(6, 4, 3).double()
    want, _ = stack(x)
    monkeypatch.setenv(available.VARIABLE, "off")
    available.compiled.cache_clear()
    got, _ = stack(x)
    torch.testing.assert_close(got, want, rtol=0, atol=1e-13)


TRAIN = """
import sys
sys.modules["numba"] = sys.modules["llvmlite"] = None
import warnings
warnings.simplefilter("error")
import warmrl.agents as agents
model = agents.RecurrentPPO("MlpRnnPolicy", "CartPole-v1", n_steps=16, batch_size=16, seed=0)
model.learn(32)
agents.Agent(model).act(model.get_env().reset())
"""


def test_a_process_without_numba_trains() -> None:
    environ = os.environ | {"PYTHONPATH": str(ROOT.parent)}
    done = subprocess.run(
        [sys.executable, "-c", TRAIN],
        env=environ | {available.VARIABLE: "off"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr

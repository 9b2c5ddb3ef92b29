"""Compiled code is kept between processes; what goes wrong with that costs time, and no more."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from numba.core import config

from warmrl.agents.kernels import cache

SOURCE = """
import numba
from warmrl.agents.kernels.cache import cached

@cached
@numba.njit
def doubled(x):
    return 2 * x
"""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """A compiled function of a file of its own, as a new process would see it."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(config, "CACHE_DIR", "")
    path = tmp_path / "doubling.py"
    path.write_text(SOURCE)

    def loaded() -> Any:
        loader = SourceFileLoader("doubling", str(path))
        spec = spec_from_file_location("doubling", path, loader=loader)
        assert spec is not None
        module = module_from_spec(spec)
        loader.exec_module(module)
        return module.doubled

    return loaded


@pytest.fixture(autouse=True)
def said_anew() -> Iterator[None]:
    cache._say_once.cache_clear()
    yield
    cache._say_once.cache_clear()


def hits(function: Any) -> int:
    assert function(21) == 42
    return sum(function.stats.cache_hits.values())


def files(tmp_path: Path, ending: str) -> list[Path]:
    return sorted((tmp_path / "__pycache__").glob(f"*.{ending}"))


def test_a_second_process_compiles_nothing(load: Callable[[], Any], tmp_path: Path) -> None:
    assert hits(load()) == 0
    assert len(files(tmp_path, "nbi")) == len(files(tmp_path, "nbc")) == 1
    assert hits(load()) == 1


def test_another_stamp_compiles_anew(
    load: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hits(load())
    (kept,) = files(tmp_path, "nbc")
    old = kept.read_bytes()
    monkeypatch.setattr(cache, "stamp", lambda: "another")
    assert hits(load()) == 0
    assert hits(load()) == 1
    kept.write_bytes(old)  # a process that was killed between writing index and data
    assert hits(load()) == 0


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", ["empty", "cut", "garbage", "flipped"])
def test_damaged_files_are_compiled_anew(
    load: Callable[[], Any], tmp_path: Path, ending: str, damage: str
) -> None:
    hits(load())
    (path,) = files(tmp_path, ending)
    whole = path.read_bytes()
    middle = len(whole) // 2
    flipped = bytes([whole[middle] ^ 255])
    path.write_bytes(
        {
            "empty": b"",
            "cut": whole[:middle],
            "garbage": b"garbage " * 99,
            "flipped": whole[:middle] + flipped + whole[middle + 1 :],
        }[damage]
    )
    assert hits(load()) == 0
    assert hits(load()) == 1


def test_a_folder_that_vanishes_is_made_again(load: Callable[[], Any], tmp_path: Path) -> None:
    function = load()
    shutil.rmtree(tmp_path / "__pycache__")
    assert hits(function) == 0
    assert hits(load()) == 1


def test_a_folder_that_cannot_be_written_any_more_is_said_once(
    load: Callable[[], Any], tmp_path: Path
) -> None:
    function = load()
    shutil.rmtree(tmp_path / "__pycache__")
    (tmp_path / "__pycache__").write_text("no folder")
    with pytest.warns(RuntimeWarning, match="not kept.*__pycache__.*NUMBA_CACHE_DIR"):
        assert hits(function) == 0
    assert function(2.5) == 5.0  # compiled for other numbers, without a second warning


def test_without_any_folder_it_is_compiled_and_said_once(
    load: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "__pycache__").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "__pycache__"))
    with pytest.warns(RuntimeWarning, match="not kept.*neither the package's folder nor"):
        function = load()
    assert hits(function) == 0
    assert hits(load()) == 0


PROBE = """
import numpy as np
from .numba_math import compiled
from .gemm import put_affine

@compiled
def probe(a, b, offset, c):
    put_affine(a, b, offset, c)

c = np.empty((1, 2))
probe(np.ones((1, 3)), np.ones((3, 2)), np.ones(2), c)
print(c.tolist(), sum(probe.stats.cache_hits.values()))
"""


def test_an_edit_of_any_kernel_file_is_noticed(tmp_path: Path) -> None:
    package = tmp_path / "copied"
    package.mkdir()
    for name in ("cache", "gemm", "numba_math"):
        shutil.copy(Path(cache.__file__).with_name(f"{name}.py"), package)
    (package / "__init__.py").write_text("")
    (package / "probe.py").write_text(PROBE)

    def printed() -> str:
        command = [sys.executable, "-m", "copied.probe"]
        environ = {name: value for name, value in os.environ.items() if "CACHE" not in name}
        return subprocess.run(
            command, env=environ, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    assert printed() == "[[4.0, 4.0]] 0\n"
    assert printed() == "[[4.0, 4.0]] 1\n"
    gemm = package / "gemm.py"
    text = gemm.read_text()
    assert text.count("c[k, j] = offset[j]") == 1
    gemm.write_text(text.replace("c[k, j] = offset[j]", "c[k, j] = 2 * offset[j]"))
    assert printed() == "[[5.0, 5.0]] 0\n"

"""The shape of the code base: what may import what, and how long a file may get."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from warmrl.agents import kernels

ROOT = Path(__file__).parents[1]
PARTS = ("envs", "agents", "warmup")
FILES = [
    path
    for path in sorted(ROOT.rglob("*.py"))
    if not any(p.startswith(".") or p == "build" for p in path.relative_to(ROOT).parts)
]


def imported(source: str, module: str) -> Iterator[str]:
    """Absolute names of the modules that a file imports, at any depth.

    :param source: its text
    :param module: its name, as ``warmrl.envs.tmaze``
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def modules_of(part: str) -> list[Path]:
    return [path for path in FILES if path.relative_to(ROOT).parts[0] == part]


@pytest.mark.parametrize("part", PARTS)
def test_parts_never_import_each_other(part: str) -> None:
    assert modules_of(part)
    forbidden = {f"warmrl.{other}" for other in PARTS if other != part}
    for path in modules_of(part):
        relative = path.relative_to(ROOT).with_suffix("")
        names = list(imported(path.read_text(), ".".join(("warmrl", *relative.parts))))
        crossing = {name for name in names if ".".join(name.split(".")[:2]) in forbidden}
        assert not crossing, f"{relative} imports {crossing}"


@pytest.mark.parametrize(
    "source",
    [
        "from ..agents import Agent",
        "from .. import agents",
        "import warmrl.agents.cells",
        "def late():\n    from warmrl.agents.cells import GRU",
    ],
)
def test_every_way_of_crossing_is_seen(source: str) -> None:
    assert any(n.startswith("warmrl.agents") for n in imported(source, "warmrl.envs.tmaze"))


def test_kernels_have_one_door() -> None:
    """Nothing but they themselves and their tests imports numba, or goes around the door."""
    for path in FILES:
        relative = path.relative_to(ROOT)
        if "kernels" in relative.parts:
            continue
        for name in imported(
            path.read_text(), ".".join(("warmrl", *relative.with_suffix("").parts))
        ):
            assert name.split(".")[0] not in ("numba", "llvmlite"), f"{relative} imports {name}"
            _, _, behind = name.partition("warmrl.agents.kernels.")
            assert behind in ("", *kernels.__all__), f"{relative} imports {name}"


def test_files_stay_short() -> None:
    lengths = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in FILES}
    assert {name: length for name, length in lengths.items() if length >= 500} == {}


def test_no_file_is_a_drawer() -> None:
    assert not [path for path in FILES if "util" in path.stem]

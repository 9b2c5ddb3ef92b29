"""``requirements.lock``: the pins of requirements.txt and all they need, each with its hashes."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCKED = re.compile(r"^([\w.-]+)==(\S+)(?: ; .+?)?((?: \\\n +--hash=sha256:[0-9a-f]{64})+)$", re.M)


def name_of(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def lock() -> str:
    text = (ROOT / "requirements.lock").read_text()
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))


def test_it_has_the_pins_of_the_requirements() -> None:
    locked = {(name_of(found[1]), found[2]) for found in LOCKED.finditer(lock())}
    lines = (ROOT / "requirements.txt").read_text()
    pins = re.findall(r"^([\w.-]+)==(\S+)", lines, re.M)
    assert len(pins) > 20
    assert {(name_of(name), version) for name, version in pins} <= locked


def test_everything_in_it_has_hashes_and_nothing_a_place() -> None:
    assert LOCKED.sub("", lock()).split() == []
    assert "://" not in lock()


def test_it_has_what_the_library_needs() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    (needed,) = re.findall(r"^dependencies = \[(.*?)\]", project, re.DOTALL | re.M)
    names = re.findall(r'"([\w.-]+)>=', needed)
    locked = {name_of(found[1]) for found in LOCKED.finditer(lock())}
    assert names
    assert set(map(name_of, names)) <= locked

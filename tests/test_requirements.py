"""``requirements.txt``: one pin for each package, which the ranges of pyproject.toml admit."""

import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
# Extras that the tests do without.
LEFT_OUT = {"docs", "mutation", "ray", "track", "zoo"}
PYTHONS = ["3.10", "3.11", "3.12", "3.13"]


def project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def ranges() -> dict[str, list[Requirement]]:
    """What the library ("") and each of its extras need."""
    extras = project()["optional-dependencies"]
    return {
        name: [Requirement(line) for line in lines]
        for name, lines in {"": project()["dependencies"], **extras}.items()
    }


def pins(python: str) -> dict[str, str]:
    """Version of every package for a version of Python."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    wanted = [Requirement(line) for line in lines if "==" in line]
    here = [r for r in wanted if r.marker is None or r.marker.evaluate({"python_version": python})]
    named: dict[str, str] = {
        canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in here
    }
    assert len(named) == len(here)
    return named


@pytest.mark.parametrize("python", PYTHONS)
def test_every_range_has_a_pin_in_it(python: str) -> None:
    pinned = pins(python)
    for extra in set(ranges()) - LEFT_OUT:
        for needed in ranges()[extra]:
            assert needed.specifier.contains(pinned[canonicalize_name(needed.name)]), needed


def test_every_range_says_where_it_begins() -> None:
    for needed in (r for group in ranges().values() for r in group):
        assert any(bound.operator == ">=" for bound in needed.specifier), needed


def test_the_pythons_are_those_of_the_project() -> None:
    named = [c.rsplit(" ", 1)[1] for c in project()["classifiers"] if "Python :: 3." in c]
    assert named == PYTHONS
    assert project()["requires-python"] == f">={PYTHONS[0]}"

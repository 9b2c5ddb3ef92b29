"""What a wheel installs: every package of the library, nothing beside it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_folder_of_a_package_is_a_package() -> None:
    (listed,) = re.findall(
        r"^packages = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.DOTALL | re.MULTILINE
    )
    # Below those at the top, a folder with modules counts that has no ``__init__.py`` itself.
    tops = [path.parent for path in ROOT.glob("*/__init__.py")]
    folders = {path.parent.relative_to(ROOT) for top in tops for path in top.rglob("*.py")}
    packages = {".".join(("warmrl", *folder.parts)) for folder in folders}
    assert set(re.findall(r'"(.*?)"', listed)) == {"warmrl"} | packages

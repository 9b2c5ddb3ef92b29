"""What a wheel installs: every package of the library, nothing beside it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_folder_with_an_init_is_a_package() -> None:
    (listed,) = re.findall(
        r"^packages = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.DOTALL | re.MULTILINE
    )
    folders = {path.parent.relative_to(ROOT) for path in ROOT.glob("[!.]*/**/__init__.py")}
    packages = {".".join(("warmrl", *f.parts)) for f in folders if f.parts[0] != "build"}
    assert set(re.findall(r'"(.*?)"', listed)) == {"warmrl"} | packages

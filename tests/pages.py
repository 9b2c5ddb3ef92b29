"""The pages of the documentation, and the code in them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md")))
}
"""text of every page, by its path"""


def blocks(page: str, language: str = "") -> list[str]:
    """The blocks of code of a page that are in one language, or in none.

    :param page: its path, one of ``PAGES``
    """
    found = re.findall(r"^```(\w*)\n(.*?)^```$", PAGES[page], re.DOTALL | re.MULTILINE)
    return [code for name, code in found if name == language]

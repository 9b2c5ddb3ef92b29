"""A MkDocs hook: pages that are files of the repository, and links that lead out of docs/.

``<!-- page: README.md -->`` in a page stands for that file, ``<!-- code: examples/x.py -->`` for a
listing of it. On GitHub the same links work as they are written.
"""

import os
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGES = {
    "README.md": "docs/index.md",
    "CONTRIBUTING.md": "docs/contributing.md",
    "CHANGELOG.md": "docs/changelog.md",
    "examples": "docs/examples.md",
}
LANGUAGES = {".py": "python", ".yml": "yaml"}
PAGE = re.compile(r"^<!-- page: (\S+) -->$", re.MULTILINE)
CODE = re.compile(r"^<!-- code: (\S+) -->$", re.MULTILINE)
LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")
ROLE = re.compile(r":(?:class|func|meth|data|attr|mod):<code>(~?)([\w.]+)</code>")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """What MkDocs calls with the text of a page, before it is rendered."""
    uri = Path("docs") / page.file.src_uri
    included = PAGE.search(markdown)
    if included is not None:
        markdown = PAGE.sub(lambda found: (ROOT / found[1]).read_text(), markdown)
    folder = uri.parent if included is None else Path(included[1]).parent
    linked = LINK.sub(lambda found: _link(found, folder, uri.parent), markdown)
    return CODE.sub(lambda found: _listing(Path(found[1])), linked)


def on_page_content(html: str, **_: Any) -> str:
    """What MkDocs calls with a rendered page: Sphinx's roles become plain code."""
    named = ROLE.sub(
        lambda found: f"<code>{found[2].rpartition('.')[2] if found[1] else found[2]}</code>", html
    )
    return named.replace("::</p>", ":</p>")


def _link(found: re.Match[str], folder: Path, page_folder: Path) -> str:
    """A link from a page of the site; only its text if the site does not have the target."""
    text, target, anchor = found[1], found[2], found[3] or ""
    path = Path(os.path.normpath(folder / target))
    if not (ROOT / path).exists():
        return found[0]
    if path.parent == Path("examples"):
        path, anchor = Path("examples"), f"#{path.name.replace('.', '')}"
    path = Path(PAGES.get(str(path), path))
    if path.parts[0] != "docs":
        return text
    return f"[{text}]({Path(os.path.relpath(path, page_folder)).as_posix()}{anchor})"


def _listing(path: Path) -> str:
    return f"```{LANGUAGES[path.suffix]}\n{(ROOT / path).read_text()}```"

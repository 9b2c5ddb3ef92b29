"""The documentation site: its pages, and the links between them."""

import re
import sys
from importlib.util import find_spec
from pathlib import Path
from subprocess import run
from types import SimpleNamespace

import pytest

from warmrl.docs.site.pages import CODE, PAGE, PAGES, on_page_content, on_page_markdown

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
WRITTEN = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
NAV = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)


def on_site(uri: str) -> str:
    page = SimpleNamespace(file=SimpleNamespace(src_uri=uri))
    return on_page_markdown((DOCS / uri).read_text(), page=page)


def test_the_navigation_has_every_page_once() -> None:
    assert len(NAV) == len(set(NAV))
    assert set(NAV) == WRITTEN


def test_pages_of_the_repository_are_shown() -> None:
    for file, page in PAGES.items():
        assert page.removeprefix("docs/") in WRITTEN
        assert file == "examples" or PAGE.search((ROOT / page).read_text())


@pytest.mark.parametrize("uri", sorted(WRITTEN))
def test_links_stay_on_the_site(uri: str) -> None:
    markdown = on_site(uri)
    assert "<!--" not in markdown
    text = re.sub(r"^```.*?^```$", "", markdown, flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", text):
        place = (DOCS / uri).parent / target
        assert place.resolve().is_relative_to(DOCS), target
        assert place.is_file(), target


def test_links_of_the_readme_lead_to_pages() -> None:
    assert "](concepts.md)" in on_site("index.md")
    assert "](contributing.md)" in on_site("index.md")
    assert "](images/horizon.png)" in on_site("index.md")
    assert "](examples.md#callbackspy)" in on_site("stable-baselines3.md")
    assert "test_notebookspy" not in on_site("comparison.md")  # a test is on no page


def test_every_example_is_listed() -> None:
    listed = CODE.findall((DOCS / "examples.md").read_text())
    assert listed == sorted(
        f"examples/{p.name}" for p in (ROOT / "examples").iterdir() if p.is_file()
    )
    assert (ROOT / "examples/callbacks.py").read_text() in on_site("examples.md")


def test_every_public_package_has_a_reference() -> None:
    shown = {f"reference/{path.parent.name}.md" for path in ROOT.glob("*/__init__.py")}
    assert shown == {uri for uri in WRITTEN if uri.startswith("reference/")}


def test_roles_of_sphinx_become_code() -> None:
    html = "<p>A :class:<code>~warmrl.agents.Agent</code>, :func:<code>vaa</code>::</p>"
    assert on_page_content(html) == "<p>A <code>Agent</code>, <code>vaa</code>:</p>"


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mkdocs") is None, reason="needs the extra docs")
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path)
    done = run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    reference = (tmp_path / "reference/agents/index.html").read_text()
    assert "RecurrentPPO" in reference
    assert "whole sequences" in reference

"""The report in a real browser: it opens, plays, and obeys the keyboard."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from warmrl.envs import TMaze
from warmrl.tests.evaluation.test_report import episodes_of, page_of

webdriver = pytest.importorskip("selenium.webdriver", reason="needs pip install selenium")
BROWSER, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
if BROWSER is None or DRIVER is None:
    pytest.skip("needs chromium and chromedriver", allow_module_level=True)

from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--window-size=1100,1200",
)
PAGE = page_of(TMaze(4))
STEPS = [len(episode["done"]) for episode in episodes_of(PAGE)["episodes"]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page is."""
    made = tmp_path_factory.mktemp("browser")
    (made / "report.html").write_text(PAGE, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def browser(folder: Path) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    service = webdriver.ChromeService(DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture(autouse=True)
def opened(browser: Any, folder: Path) -> Iterator[None]:
    """Every test begins with a fresh page, and ends without a word on the console."""
    browser.get((folder / "report.html").as_uri())
    yield
    assert browser.get_log("browser") == []


def said(browser: Any, name: str = "time") -> str:
    return str(browser.find_element(By.ID, name).text)


def contrast(browser: Any) -> int:
    """How far the first heat map is from white: what lies ahead of the step shown is faint."""
    script = """
        const map = document.querySelector("canvas");
        const copy = new OffscreenCanvas(map.width, map.height).getContext("2d");
        copy.drawImage(map, 0, 0);
        const all = copy.getImageData(0, 0, map.width, map.height).data;
        return all.reduce((sum, part) => sum + 255 - part, 0);
    """
    return int(browser.execute_script(script))


def test_it_opens_on_the_first_step(browser: Any) -> None:
    assert said(browser) == f"step 0 of {STEPS[0]}"
    picture = browser.find_element(By.ID, "picture")
    assert int(picture.get_property("naturalWidth")) > 100
    assert "cue up (seen now)" in picture.get_attribute("alt")
    shares = [int(part.text.rstrip(" %")) for part in browser.find_elements(By.CLASS_NAME, "share")]
    assert len(shares) == 4
    assert sum(shares) == pytest.approx(100, abs=2)


def test_the_slider_obeys_the_keyboard(browser: Any) -> None:
    slider = browser.find_element(By.ID, "step")
    before, first = browser.find_element(By.ID, "picture").get_attribute("src"), contrast(browser)
    slider.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert said(browser) == f"step 2 of {STEPS[0]}"
    assert browser.find_element(By.ID, "picture").get_attribute("src") != before
    assert contrast(browser) > first
    slider.send_keys(Keys.END)
    assert said(browser) == f"step {STEPS[0]} of {STEPS[0]}"
    assert "The episode ended" in said(browser, "apart")
    slider.send_keys(Keys.HOME)
    assert said(browser) == f"step 0 of {STEPS[0]}"


def test_play_goes_on_to_the_end_and_pauses(browser: Any) -> None:
    play = browser.find_element(By.ID, "play")
    play.send_keys(Keys.SPACE)
    assert play.text == "Pause"
    WebDriverWait(browser, 20).until(lambda _: not said(browser).startswith("step 0 "))
    play.send_keys(Keys.ENTER)
    assert play.text == "Play"
    paused = said(browser)
    play.click()
    WebDriverWait(browser, 60).until(lambda _: play.text == "Play")
    assert paused != said(browser) == f"step {STEPS[0]} of {STEPS[0]}"


def test_what_all_episodes_share_can_be_shown_too(browser: Any) -> None:
    differs = browser.find_element(By.ID, "differs")
    assert differs.is_selected()
    drawn = "return document.querySelector('canvas').toDataURL()"
    before = browser.execute_script(drawn)
    differs.send_keys(Keys.SPACE)
    assert not differs.is_selected()
    assert browser.execute_script(drawn) != before


def test_another_cue_is_chosen_by_the_keyboard(browser: Any) -> None:
    browser.find_element(By.CSS_SELECTOR, "input[type='radio']").send_keys(Keys.ARROW_DOWN)
    assert "cue down (seen now)" in browser.find_element(By.ID, "picture").get_attribute("alt")
    assert said(browser) == f"step 0 of {STEPS[1]}"


def test_a_click_on_the_memory_goes_to_its_step(browser: Any) -> None:
    browser.find_elements(By.CSS_SELECTOR, ".map")[1].click()  # in the middle
    assert said(browser) == f"step {max(STEPS) // 2} of {STEPS[1]}"

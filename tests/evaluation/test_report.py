"""The report: one page that has everything, and asks for nothing else."""

import base64
import json
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from warmrl.envs import TASKS, DelayedRecall, MemoryTask, TMaze
from warmrl.evaluation import DelayResult, History, TrainedOn, portray, record, render_report
from warmrl.evaluation.report import verdict
from warmrl.tests.evaluation.test_replay import agent_for

HISTORY = History(np.array([128.0, 256.0]), np.array([0.5, 1.0]), 0.1, 0.9)
NOTHING = History(np.empty(0), np.empty(0))


def row(delay: int | None = 2000, rate: float | None = 0.9) -> DelayResult:
    return DelayResult(delay, 100, rate, rate and 0.8, rate and 0.95, 3.5, 4.0, 21.0)


def page_of(task: MemoryTask, **findings: Any) -> str:
    agent = agent_for(task)
    trained_on = TrainedOn(f"warmrl.envs:warmrl/{type(task).__name__}-v0", {})
    replays = record(agent, task)
    return render_report(
        agent, trained_on, task, [row(20), row()], HISTORY, replays=replays, **findings
    )


def episodes_of(page: str) -> dict[str, Any]:
    (data,) = re.findall(r'<script type="application/json" id="episodes">(.*?)</script>', page)
    episodes: dict[str, Any] = json.loads(data)
    return episodes


class Outline(HTMLParser):
    """Headings, ids, and whatever a browser would fetch."""

    VOID = ("meta", "link", "img", "input")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.fetched: list[str] = []
        self.headings: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        named = dict(attrs)
        if "id" in named:
            self.ids.append(str(named["id"]))
        self.fetched += [str(named[key]) for key in ("src", "href", "srcset") if key in named]
        if tag == "img":
            assert "alt" in named

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(data)


def test_the_page_has_every_part_and_fetches_nothing() -> None:
    task = TMaze(4)
    page = page_of(
        task,
        certificate="certified: right for every length from 2 on",
        portrait=portray(agent_for(task), task, n_steps=40),
        sections={"train": {"cell": "gru", "length": [4, 5]}, "versions": {"torch": "2"}},
    )
    outline = Outline(page)
    assert outline.headings == [
        "Trained on length 4, right in 90 of 100 episodes of length 2 000",
        "Watch it remember",
        "Success",
        "Where the memory goes",
        "Training",
        "The run",
    ]
    assert len(outline.ids) == len(set(outline.ids))
    assert all(address.startswith("data:") for address in outline.fetched)
    assert not re.search(r"https?:|@import|url\(", page)
    for words in (
        "double GRU of 4 on warmrl/TMaze-v0",
        "Certified: right for every",
        "0.800 - 0.9",
    ):
        assert words in page
    assert "<dt>length</dt><dd>[4, 5]</dd>" in page
    looked_up = re.findall(
        r'"(\w+)"', page[page.index("const [picture") : page.index("].map((id)")]
    )
    assert set(looked_up) <= set(outline.ids)


def test_episodes_are_all_there() -> None:
    task = DelayedRecall(3, n_symbols=3)
    shown = episodes_of(page_of(task))
    assert shown["actions"] == ["0", "1", "2"]
    assert [episode["name"] for episode in shown["episodes"]] == ["0", "1", "2"]
    for episode, replay in zip(shown["episodes"], record(agent_for(task), task), strict=True):
        steps = len(episode["done"])
        assert len(episode["pictures"]) == len(episode["texts"]) == steps + 1 == 6
        assert base64.b64decode(episode["pictures"][0]).startswith(b"\x89PNG")
        assert np.shape(episode["probabilities"]) == (steps, 3)
        assert episode["solved"] is replay.solved
        memory = np.frombuffer(base64.b64decode(episode["memory"]), np.uint8)
        values = memory.reshape(steps, shown["units"]) / 127.5 - 1
        np.testing.assert_allclose(np.sort(values), np.sort(replay.memory), atol=0.005)


def test_the_same_run_gives_the_same_page() -> None:
    assert page_of(TMaze(3)) == page_of(TMaze(3))


def test_what_is_not_known_is_left_out() -> None:
    agent = agent_for(TMaze(3))
    page = render_report(
        agent, TrainedOn("CartPole-v1", {}), None, [row(None, None)], NOTHING, sections={}
    )
    assert Outline(page).headings == ["Mean return 3.50 in 100 episodes", "Success"]
    assert "<script" not in page
    assert "There are no episodes to step through: CartPole-v1 is not a memory task" in page


@pytest.mark.parametrize("env_id", TASKS)
def test_every_registered_environment_can_be_stepped_through(
    env_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warmrl.evaluation.replay.WITHOUT_CUES", 2)
    page = page_of(TASKS[env_id](**{TASKS[env_id].delay_name: 3}))
    Outline(page)
    for episode in episodes_of(page)["episodes"]:
        assert len(episode["pictures"]) == len(episode["done"]) + 1 > 1


def test_a_strangers_words_stay_words() -> None:
    evil = "</script><script>alert(1)</script>"
    page = page_of(TMaze(3), certificate=evil, sections={"train": {evil: evil}})
    assert evil not in page
    Outline(page)


@pytest.mark.parametrize(
    ("result", "task", "sentence"),
    [
        (
            row(2000, 1.0),
            TMaze(20),
            "Trained on length 20, right in 100 of 100 episodes of length 2 000",
        ),
        (
            row(5, 0.0),
            DelayedRecall((1, 4)),
            "Trained on delay 1 to 4, right in 0 of 100 episodes of delay 5",
        ),
        (row(None, None), None, "Mean return 3.50 in 100 episodes"),
        (row(None, 0.5), None, "Right in 50 of 100 episodes"),
    ],
)
def test_verdict(result: DelayResult, task: MemoryTask | None, sentence: str) -> None:
    assert verdict([result], task) == sentence

"""Everything known of a run, on one page that needs nothing else."""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.figure import Figure

from warmrl.agents import Agent
from warmrl.envs import MemoryTask
from warmrl.envs.arguments import delay_bounds

from .attractor_figure import attractor_figure
from .figure import success_figure
from .history import History
from .history_figure import history_figure
from .portrait import Portrait, has_cues
from .replay import Replay, distances, tell_apart
from .result import DelayResult
from .run_folder import TrainedOn
from .table import grouped

PAGE = Path(__file__).parent / "page"


def render_report(
    agent: Agent,
    trained_on: TrainedOn,
    task: MemoryTask | None,
    results: Sequence[DelayResult],
    history: History,
    *,
    certificate: str | None = None,
    portrait: Portrait | None = None,
    replays: Sequence[Replay] = (),
    sections: Mapping[str, Mapping[str, Any]] | None = None,
) -> str:
    """The page, as HTML with its style, script and pictures inside.

    :param agent: the agent
    :param trained_on: its environment
    :param task: the environment's task, if it has one
    :param results: a sweep
    :param history: how training went
    :param certificate: what came of looking for one, in a sentence
    :param portrait: where the memory goes in a long corridor
    :param replays: episodes to step through
    :param sections: of the run's ``config.json``: name -> field -> value
    """
    pages = Environment(
        loader=FileSystemLoader(PAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["grouped"] = grouped
    return pages.get_template("report.html").render(
        agent=network(agent),
        env=trained_on.env.removeprefix("warmrl.envs:"),
        delay_name="delay" if task is None else task.delay_name,
        verdict=verdict(results, task),
        results=results,
        certificate=certificate,
        success=None if task is None else _image(success_figure(results, task)),
        attractors=None
        if portrait is None
        else _image(attractor_figure(portrait, History(np.empty(0), np.empty(0)))),
        training=_image(history_figure(history)) if history.told else None,
        history=history,
        replays=replays,
        episodes=None if task is None or not replays else _episodes(replays, task),
        sections={
            name: {field: _words(value) for field, value in section.items()}
            for name, section in (sections or {}).items()
        },
    )


def network(agent: Agent) -> str:
    """An agent's network in a few words."""
    policy = agent.policy
    double = "double " if policy.double_layers else ""
    return f"{double}{policy.cell.upper()} of {policy.lstm_hidden_state_shape[2]}"


def verdict(results: Sequence[DelayResult], task: MemoryTask | None) -> str:
    """The result at the longest delay, in one sentence."""
    row = max(results, key=lambda result: result.delay or 0)
    said = f"mean return {row.mean_return:.2f} in {row.episodes} episodes"
    if row.success_rate is not None:
        said = f"right in {round(row.success_rate * row.episodes)} of {row.episodes} episodes"
    if task is None or row.delay is None:
        return said.capitalize()
    trained = " to ".join(map(grouped, sorted(set(delay_bounds(task.delay)))))
    name = task.delay_name
    return f"Trained on {name} {trained}, {said} of {name} {grouped(row.delay)}"


def _episodes(replays: Sequence[Replay], task: MemoryTask) -> dict[str, Any]:
    """What the page's script needs; the memory as bytes, its units in the order they count in."""
    order = tell_apart(replays)
    return {
        "actions": list(task.action_names),
        "units": len(order),
        "paired": has_cues(task),
        "episodes": [
            {
                "name": replay.name,
                "pictures": [_base64(picture) for picture in replay.pictures],
                "texts": replay.texts,
                "probabilities": replay.probabilities.round(3).astype(float).round(3).tolist(),
                "done": replay.actions.tolist(),
                "memory": _base64(_bytes(replay.memory[:, order])),
                "apart": [gap if gap is None else round(gap, 3) for gap in distances(replays, k)],
                "solved": replay.solved,
            }
            for k, replay in enumerate(replays)
        ],
    }


def _bytes(memory: npt.NDArray[np.float32]) -> bytes:
    """[T, D] from -1 to 1, step after step, as 0 to 255."""
    scaled: npt.NDArray[np.uint8] = ((memory.clip(-1, 1) + 1) * 127.5).round().astype(np.uint8)
    return scaled.tobytes()


def _image(figure: Figure) -> str:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return _base64(file.getvalue())


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _words(value: Any) -> str:
    """A value of ``config.json`` as a person reads it."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value)

"""Episodes as a film: the maze, what the agent does next, and its memory as it fills."""

import importlib.util
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import imread

from warmrl.agents.whole_file import whole_file
from warmrl.envs import MemoryTask

from .figure import AMBER, BLUE, GREY, INK
from .replay import Replay, tell_apart

STEPS_PER_SECOND = 5
LAST_SECONDS = 2  # that an episode's end stays
NEEDED = {".gif": ("imageio",), ".mp4": ("imageio", "imageio_ffmpeg")}
MEMORY = LinearSegmentedColormap.from_list("memory", [BLUE, "white", AMBER])


def check_video(path: Path, task: MemoryTask | None, env_id: str) -> None:
    """Check that a film can be made and written.

    :param path: the film
    :param task: the environment's task, if it has one
    :param env_id: the environment
    :raises ValueError: if not
    """
    if path.suffix not in NEEDED or path.is_dir() or not path.parent.is_dir():
        raise ValueError(
            f"video={str(path)!r} must be a file {' or '.join(NEEDED)} in a folder that exists"
        )
    if task is None:
        raise ValueError(f"video={str(path)!r} must be left out: env={env_id!r} has no pictures")
    if any(importlib.util.find_spec(name) is None for name in NEEDED[path.suffix]):
        raise ValueError(f"video={str(path)!r} needs an extra: pip install 'warmrl[video]'")


def write_video(replays: Sequence[Replay], task: MemoryTask, path: Path) -> None:
    """Write a film of the first and the last of some episodes, one after the other.

    :param replays: the episodes, two or more
    :param task: theirs
    :param path: ``.gif`` or ``.mp4``, see :func:`check_video`
    """
    import imageio.v3 as imageio  # of the extra

    order = tell_apart(replays)
    two = (replays[0], replays[-1])
    frames = np.stack([frame for replay in two for frame in _frames(replay, task, order)])
    options: dict[str, Any] = {"plugin": "FFMPEG", "fps": STEPS_PER_SECOND}
    if path.suffix == ".gif":
        options = {"plugin": "pillow", "duration": 1000 / STEPS_PER_SECOND, "loop": 0}
    data = imageio.imwrite("<bytes>", frames, extension=path.suffix, **options)
    with whole_file(path) as partial:
        partial.write_bytes(data)


def _frames(
    replay: Replay, task: MemoryTask, order: npt.NDArray[np.int64]
) -> Iterator[npt.NDArray[np.uint8]]:
    """One image for every step, and that of the end for two seconds [480, 640, 3]."""
    figure = Figure(figsize=(6.4, 4.8), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    parts = figure.subplot_mosaic([["maze", "actions"], ["memory", "memory"]], width_ratios=[3, 1])
    maze, actions, memory = (parts[name] for name in ("maze", "actions", "memory"))
    for axes in (maze, memory):
        axes.set(xticks=[], yticks=[])
    actions.spines[["top", "right", "bottom"]].set_visible(False)
    actions.set(xlim=(0, 1), xticks=[], title="does next")
    bars = actions.barh(task.action_names, np.zeros(len(task.action_names)))
    actions.invert_yaxis()
    seen = maze.imshow(imread(BytesIO(replay.pictures[0])))
    held = np.full((len(order), len(replay)), np.nan)
    heat = memory.imshow(held, MEMORY, vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    memory.set(xlabel="step", ylabel=f"{len(order)} units of memory")
    for t, picture in enumerate(replay.pictures):
        seen.set_data(imread(BytesIO(picture)))
        over = t == len(replay)
        if not over:
            held[:, t] = replay.memory[t, order]
            heat.set_data(held)
        for i, bar in enumerate(bars):
            bar.set_width(0 if over else replay.probabilities[t, i])
            bar.set_color(BLUE if not over and i == replay.actions[t] else GREY)
        said = f"step {t} of {len(replay)}"
        if over:
            said = "right" if replay.solved else "wrong"
        figure.suptitle(f"{replay.name}: {said}", color=INK)
        drawn = BytesIO()
        figure.savefig(drawn, format="rgba")
        figure.set_layout_engine("none")  # the first frame's place for everything is kept
        pixels = np.frombuffer(drawn.getvalue(), np.uint8).reshape(480, 640, 4)[..., :3]
        yield from [pixels] * (LAST_SECONDS * STEPS_PER_SECOND if over else 1)

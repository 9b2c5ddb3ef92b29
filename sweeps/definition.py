"""What a sweep is: a base, what is varied on it, and the folder that it belongs to."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ..agents.whole_file import whole_file
from ..checks import check_integer
from ..envs import TASKS
from ..train import checked_env
from ..training import TrainConfig, build_model, with_settings
from ..training.folder_lock import FolderLock
from .grid import Grid, Point, Settings, plain, points_of, text
from .space import Space

DEFINITION_FILE = "sweep.json"
Score: TypeAlias = Literal["success", "return"]


@dataclass(frozen=True)
class Definition:
    """A sweep: its runs are known from it and, if it searches, from what came of them.

    :raises ValueError: if a run of it cannot be; one agent for each point of the grid is built to
        know
    :raises TypeError: if a setting of it is of another type
    """

    base: TrainConfig
    """what all runs share"""
    grid: Grid
    """every combination of these values is run"""
    space: Space
    """what is searched at each point of the grid"""
    seeds: tuple[int, ...]
    """of the runs of each point, or of each trial of a search"""

    def __post_init__(self) -> None:
        if not self.seeds:
            raise ValueError("seeds= must name at least one")
        for seed in self.seeds:
            check_integer("seeds", seed, 0)
            if self.seeds.count(seed) > 1:
                raise ValueError(f"seeds={text(self.seeds)} must name {seed} once")
        for name in ("run_dir", "resume"):
            if getattr(self.base, name) is not None:
                raise ValueError(
                    f"{name}={str(getattr(self.base, name))!r} must be left out: every run has its "
                    "folder in that of the sweep, and goes on by itself"
                )
        if self.base.seed != 0:
            raise ValueError(f"seed={self.base.seed} must be left out; say --seeds")

    @property
    def points(self) -> list[Point]:
        """Of the grid."""
        return points_of(self.grid)

    @property
    def score(self) -> Score:
        """What says how good a run is: success if every task states it, else the return."""
        known = (self.config(point.settings).env in TASKS for point in self.points)
        return "success" if all(known) else "return"

    def config(self, settings: Settings, seed: int = 0) -> TrainConfig:
        """The configuration of a run.

        :raises ValueError: if a setting is wrong
        :raises TypeError: if one is of another type
        """
        return with_settings(replace(self.base, config=None), {**settings, "seed": seed})

    def check(self) -> None:
        """Check that its runs can be, by building one agent for each point of the grid.

        Of what is searched the ends of ranges and every choice are checked, one at a time.

        :raises ValueError: if one cannot
        :raises TypeError: if a setting is of another type
        """
        for point in self.points:
            _build(self.config(point.settings))
        for name, values in self.space.items():
            for value in values.examples:
                _build(self.config({**self.points[0].settings, name: value}))

    def to_json(self) -> dict[str, Any]:
        """What must be the same for the sweep to go on."""
        data = {
            "base": plain(self.base),
            "grid": self.grid,
            "search": {name: values.to_json() for name, values in self.space.items()},
            "seeds": self.seeds,
        }
        read: dict[str, Any] = json.loads(json.dumps(data))
        return read

    def claim(self, folder: Path) -> FolderLock:
        """Make the folder of the sweep, or check that it is of this one.

        :return: what keeps other processes out of it
        :raises ValueError: if it is another's
        :raises OSError: if it cannot be made, holds something else, or is being written
        """
        if folder.exists() and not folder.is_dir():
            raise FileExistsError(_taken(folder))
        folder.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(folder, "folder")
        try:
            self._own(folder)
        except BaseException:
            lock.close()
            raise
        return lock

    def _own(self, folder: Path) -> None:
        """Be the sweep of the folder, or check that it is already."""
        path = folder / DEFINITION_FILE
        if path.is_file():
            _check_same(folder, self.to_json(), _stored(path))
            return
        if any(folder.iterdir()):
            raise FileExistsError(_taken(folder))
        with whole_file(path) as partial:
            partial.write_text(json.dumps(self.to_json(), indent=2) + "\n")


def _taken(folder: Path) -> str:
    return f"folder={str(folder)!r} exists; it must be a new one, or that of a sweep"


def _build(config: TrainConfig) -> None:
    env = checked_env(config)
    build_model(config, env)
    env.close()


def _stored(path: Path) -> dict[str, Any]:
    try:
        data: dict[str, Any] = json.loads(path.read_text())
        data["base"].keys(), data["grid"].keys(), data["search"].keys(), data["seeds"].sort()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} describes no sweep: {error!r}") from error
    return data


def _check_same(folder: Path, new: dict[str, Any], old: dict[str, Any]) -> None:
    new["seeds"].sort()
    for part in ("grid", "search", "base"):
        for name in [*new[part], *(set(old[part]) - set(new[part]))]:
            before, now = old[part].get(name), new[part].get(name)
            if before != now:
                where = "" if part == "base" else f"{part} of "
                raise ValueError(
                    f"{where}{name}={json.dumps(now)} cannot be changed: the sweep in {folder} has "
                    f"{json.dumps(before)} (take another folder)"
                )
    if (new["search"] or not set(old["seeds"]) <= set(new["seeds"])) and new != old:
        raise ValueError(
            f"seeds={text(tuple(new['seeds']))} cannot be changed: the sweep in {folder} has "
            f"{text(tuple(old['seeds']))} (take another folder)"
        )

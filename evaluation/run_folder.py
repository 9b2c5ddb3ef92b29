"""A run folder, as evaluation reads and completes it."""

import dataclasses
import glob
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from warmrl.agents.whole_file import whole_file
from warmrl.envs.packages import imported_modules

from .certificate import Certificate
from .result import DelayResult

RESULTS_FILE = "evaluation.json"
FIGURE_FILE = "evaluation.png"
ATTRACTORS_FILE = "attractors.png"
REPORT_FILE = "report.html"
SECTIONS = ("train", "summary", "versions")
_CERTIFICATE_FIELDS = ("holds", "from_delay", "cycle_length", "steps")


class TrainedOn(NamedTuple):
    """What a run was trained on."""

    env: str
    """the environment's id"""
    env_kwargs: dict[str, Any]
    """its arguments"""


def read_trained_on(run_dir: str | Path) -> TrainedOn:
    """What a run was trained on, from the "train" section of its ``config.json``.

    :raises FileNotFoundError: if there is no such file
    :raises ValueError: if it does not say, or the environment's module would be imported from the
        folder itself, which may be a stranger's
    """
    path = Path(run_dir) / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"run_dir={str(run_dir)!r} has no config.json; it must be a run")
    try:
        train = json.loads(path.read_text())["train"]
        env, env_kwargs = train["env"], train["env_kwargs"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f'{path} must have a section "train" with "env" and "env_kwargs": {error!r}'
        ) from error
    if not isinstance(env, str) or not isinstance(env_kwargs, dict):
        raise ValueError(f"{path}: train.env={env!r} must be an id, train.env_kwargs a mapping")
    try:
        modules = imported_modules(env, env_kwargs.get("env_wrapper", ()))
    except TypeError as error:
        raise ValueError(f"{path}: {error}") from error
    for module in modules:
        _check_module(env, module, Path(run_dir).resolve())
    return TrainedOn(env, env_kwargs)


def read_sections(run_dir: str | Path) -> dict[str, dict[str, Any]]:
    """What a run tells of itself: "train", "summary" and "versions" of its ``config.json``.

    :return: the sections that are there, section -> field -> value
    """
    config = json.loads((Path(run_dir) / "config.json").read_text())
    return {name: config[name] for name in SECTIONS if isinstance(config.get(name), dict)}


def read_evaluation(run_dir: str | Path) -> tuple[list[DelayResult], Certificate | None]:
    """What :func:`write_evaluation` wrote of a run.

    :return: the sweep, empty if there was none, and the certificate, whose reason is not kept
    :raises ValueError: if the file is damaged
    """
    path = Path(run_dir) / RESULTS_FILE
    if not path.is_file():
        return [], None
    try:
        data = json.loads(path.read_text())
        found = data["certificate"]
        certificate = None if found is None else Certificate(**found, reason="")
        return [DelayResult(**row) for row in data["results"]], certificate
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} must be what evaluate.py writes: {error!r}") from error


def _check_module(env: str, module: str, folder: Path) -> None:
    """Refuse a module that would come from the run, or a package above it would."""
    names = module.split(".")
    for start in (Path(entry).resolve() for entry in sys.path):
        for depth in range(len(names)):
            place = start.joinpath(*names[: depth + 1]).resolve()
            if place.is_relative_to(folder) and (
                place.is_dir() or any(place.parent.glob(f"{glob.escape(place.name)}.*"))
            ):
                raise ValueError(
                    f"env={env!r} needs {module}, which is a module in the run folder; it must be "
                    "installed elsewhere"
                )


def check_writable(run_dir: str | Path) -> None:
    """Check that results can be written, before they are computed.

    :raises PermissionError: if the folder does not let files be made
    :raises IsADirectoryError: if a file's place is taken by a folder
    """
    folder = Path(run_dir)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"run_dir={str(run_dir)!r} must be writable")
    for name in (RESULTS_FILE, FIGURE_FILE, ATTRACTORS_FILE, REPORT_FILE):
        if (folder / name).is_dir():
            raise IsADirectoryError(f"{folder / name} is a folder; it must be a file or absent")


def write_evaluation(
    run_dir: str | Path,
    results: Sequence[DelayResult],
    certificate: Certificate | None = None,
    figure: Figure | None = None,
    attractors: Figure | None = None,
    report: str | None = None,
) -> None:
    """Write ``evaluation.json``, the figures and the report, each whole or not at all.

    :param run_dir: an existing folder
    :param results: the sweep
    :param certificate: if one was asked for and could be given
    :param figure: the sweep, drawn: ``evaluation.png``
    :param attractors: the attractors, drawn: ``attractors.png``
    :param report: all of it on one page: ``report.html``
    """
    folder = Path(run_dir)
    data = {
        "results": [dataclasses.asdict(row) for row in results],
        "certificate": certificate
        and {name: getattr(certificate, name) for name in _CERTIFICATE_FIELDS},
    }
    text = json.dumps(data, indent=2, allow_nan=False) + "\n"
    for name, drawn in ((FIGURE_FILE, figure), (ATTRACTORS_FILE, attractors)):
        if drawn is not None:
            with whole_file(folder / name) as partial:
                drawn.savefig(partial, format="png")
    if report is not None:
        with whole_file(folder / REPORT_FILE) as partial:
            partial.write_text(report, encoding="utf-8")
    with whole_file(folder / RESULTS_FILE) as partial:
        partial.write_text(text)

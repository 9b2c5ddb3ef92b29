"""Runs as tasks on a Ray cluster; what they leave comes to the folder of the sweep."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ..agents.whole_file import PARTIAL, whole_file
from ..processes import Ended, Told, attempt
from ..ray_cluster import RETRIES, RayCluster, lost
from ..training.run_folder import CONFIG_FILE
from .run import GO_ON, Progress, Run

Files: TypeAlias = dict[str, bytes]
"""what is in a run folder, by name"""


class Board:
    """Where runs say how they go and leave their checkpoints, and find answers; a Ray actor."""

    def __init__(self) -> None:
        self._told: dict[str, Progress] = {}
        self._answers: dict[str, str] = {}
        self._files: dict[str, Files] = {}
        self._new: set[str] = set()

    def tell(self, key: str, progress: Progress, files: Files | None) -> str:
        """Note how a run goes, and what is in its folder if there is a new checkpoint.

        :return: the last answer to it
        """
        self._told[key] = progress
        if files is not None:
            self._files[key] = files
            self._new.add(key)
        return self._answers.get(key, GO_ON)

    def files(self, key: str) -> Files | None:
        """What a run has left before its node was lost."""
        return self._files.get(key)

    def answer(self, key: str, answer: str) -> None:
        """Answer a run from now on."""
        self._answers[key] = answer

    def take(self) -> tuple[dict[str, Progress], dict[str, Files]]:
        """What is new since the last time."""
        told, self._told = self._told, {}
        new = {key: self._files[key] for key in self._new}
        self._new = set()
        return told, new

    def forget(self, key: str) -> None:
        """A run has ended."""
        for known in (self._told, self._answers, self._files):
            known.pop(key, None)
        self._new.discard(key)


class Cluster(RayCluster[Run]):
    """Runs the runs of a sweep.

    A run trains in a folder of its node, and its checkpoints are kept as they are written; if the
    node is lost, it goes on from the last one elsewhere.

    :param address: of the cluster; ``"local"`` starts one on this machine
    :param jobs: runs side by side; as many as the cluster has cores if absent
    :raises ConnectionError: if there is no such cluster
    """

    def __init__(self, address: str, jobs: int | None) -> None:
        super().__init__(address, jobs)
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
        board = ray.remote(Board)
        self._board = board.options(num_cpus=0, scheduling_strategy=here).remote()

    def start(self, _: str, run: Run) -> None:
        """Start a run.

        :param run: goes on with what is in its folder
        """
        gpus = int(run.config.device.startswith("cuda"))
        task = ray.remote(perform).options(num_cpus=1, num_gpus=gpus, max_retries=RETRIES)
        self._tasks[task.remote(run, read_files(run.folder), self._board)] = run

    def events(self, timeout: float | None = None) -> Iterator[Told | Ended]:
        """What happens next; what runs have left is written to their folders here."""
        ready, _ = ray.wait(list(self._tasks), timeout=timeout)
        told, files = ray.get(self._board.take.remote())
        running = {run.key: run for run in self._tasks.values()}
        for key in running.keys() & files.keys():
            write_files(running[key].folder, files[key])
        for key in running.keys() & told.keys():
            yield Told(key, told[key])
        for reference in ready:
            run = self._tasks.pop(reference)
            try:
                left, ended = ray.get(reference)
                write_files(run.folder, left)
            except RayError as error:
                ended = lost(run.key, error)
            self._board.forget.remote(run.key)
            yield ended

    def answer(self, key: str, answer: str) -> None:
        """Answer a run, from when it next tells how it goes."""
        if answer != GO_ON:
            self._board.answer.remote(key, answer)


def perform(run: Run, files: Files, board: Any) -> tuple[Files, Ended]:
    """What a node does: a run, in a folder that goes back with its outcome.

    :param run: its folder is that on the driver
    :param files: what is there
    :param board: the actor
    """
    with TemporaryDirectory(prefix="warmrl-") as place:
        folder = Path(place, run.folder.name)
        write_files(folder, ray.get(board.files.remote(run.key)) or files)
        sent = checkpoints(folder)

        def tell(progress: Progress) -> str:
            nonlocal sent
            new = checkpoints(folder)
            left = None if new == sent else read_files(folder, run.folder)
            sent = new
            answer: str = ray.get(board.tell.remote(run.key, progress, left))
            return answer

        ended = attempt(run.key, replace(run, folder=folder), tell)
        return read_files(folder, run.folder), ended


def checkpoints(folder: Path) -> set[str]:
    """Names of the checkpoints in a run folder."""
    return {path.name for path in folder.glob("checkpoint-*.safetensors")}


def read_files(folder: Path, home: Path | None = None) -> Files:
    """What is in a run folder, nothing if it is not there.

    :param home: where it belongs, for its ``config.json``
    """
    paths = folder.iterdir() if folder.is_dir() else ()
    files = {path.name: path.read_bytes() for path in paths if path.suffix != PARTIAL}
    if home is not None and CONFIG_FILE in files:
        data = json.loads(files[CONFIG_FILE])
        for name in ("run_dir", "resume"):
            data["train"][name] = data["train"][name] and str(home)
        files[CONFIG_FILE] = (json.dumps(data, indent=2) + "\n").encode()
    return files


def write_files(folder: Path, files: Files) -> None:
    """Make a folder have these files, and no others; each is written whole or not at all."""
    if not files and not folder.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        with whole_file(folder / name) as partial:
            partial.write_bytes(content)
    for path in folder.iterdir():
        if path.name not in files:
            path.unlink()

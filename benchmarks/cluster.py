"""Runs of a study as tasks on a Ray cluster."""

from collections.abc import Iterator

import ray
from ray.exceptions import RayError

from warmrl.processes import Ended, Task, attempt
from warmrl.ray_cluster import RETRIES, RayCluster, lost


class StudyCluster(RayCluster[str]):
    """Runs the runs of a study; one whose node is lost begins again on another."""

    def start(self, key: str, task: Task) -> None:
        """Start a run.

        :param key: its name, unlike those of the others
        :param task: called on a node
        """
        remote = ray.remote(perform).options(num_cpus=1, max_retries=RETRIES)
        self._tasks[remote.remote(key, task)] = key

    def events(self, timeout: float | None = None) -> Iterator[Ended]:
        """What has ended.

        :param timeout: seconds after which nothing has; ``None`` waits for something
        """
        ready, _ = ray.wait(list(self._tasks), timeout=timeout)
        for reference in ready:
            key = self._tasks.pop(reference)
            try:
                yield ray.get(reference)
            except RayError as error:
                yield lost(key, error)


def perform(key: str, task: Task) -> Ended:
    """What a node does."""
    return attempt(key, task, _unheard)


def _unheard(_: object) -> None:
    """What a run of a study would tell on its way."""

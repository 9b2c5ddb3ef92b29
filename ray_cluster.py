"""A Ray cluster: the connection to it, and how many tasks it has room for."""

import socket
from typing import Any, Generic, TypeVar

import ray
from ray.exceptions import RayError

from .processes import Ended, ProcessDied

OWN = {"local": {"include_dashboard": False}}  # of a cluster that is started here
CLIENT = "ray://"
PATIENCE = 10.0  # seconds for a connection; Ray itself tries for minutes
RETRIES = 3  # of a task whose node is lost

Task = TypeVar("Task")
Own = TypeVar("Own", bound="RayCluster[Any]")


class RayCluster(Generic[Task]):
    """Runs tasks on a Ray cluster, one core each; a context. Every node needs this library.

    :param address: of the cluster; ``"local"`` starts one on this machine
    :param jobs: tasks side by side; as many as the cluster has cores if absent
    :raises ConnectionError: if there is no such cluster
    """

    def __init__(self, address: str, jobs: int | None) -> None:
        try:
            check_reachable(address)
            ray.init(address, log_to_driver=False, logging_level="ERROR", **OWN.get(address, {}))
        except (OSError, ValueError, RuntimeError) as error:
            raise ConnectionError(
                f"ray={address!r} must be local, or the address of a Ray cluster: {error}"
            ) from error
        self._jobs = jobs
        self._tasks: dict[Any, Task] = {}

    def __enter__(self: Own) -> Own:
        return self

    def __exit__(self, *_: object) -> None:
        ray.shutdown()

    @property
    def busy(self) -> int:
        """How many tasks are running."""
        return len(self._tasks)

    @property
    def free(self) -> int:
        """How many can be started; nodes may come and go."""
        return (self._jobs or int(ray.cluster_resources().get("CPU", 0))) - self.busy


def lost(key: str, error: RayError) -> Ended:
    """How a task has ended whose outcome did not come, however often it was tried."""
    return Ended(key, None, ProcessDied(str(error).splitlines()[0]))


def check_reachable(address: str) -> None:
    """Check that something listens at an address with a port; others are Ray's to understand.

    :raises OSError: if nothing does
    """
    host, _, port = address.removeprefix(CLIENT).rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()

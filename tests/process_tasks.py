"""Tasks that other processes can import."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from warmrl.processes import Tell


class Peculiar(Exception):
    """Cannot be unpickled: it wants two arguments."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


def converse(tell: Tell) -> Any:
    return [tell("one"), tell("two"), os.getpid()]


def die(tell: Tell) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail(tell: Tell) -> None:
    raise Peculiar("no", "thing")


def sleep(tell: Tell) -> None:
    tell(os.getpid())
    time.sleep(1000)


def speak(tell: Tell) -> None:
    print("spoken", flush=True)


def begin(folder: Path) -> None:
    """A process with a pool that sleeps: what a test kills."""
    from warmrl.processes import Pool, Told

    with Pool(2) as pool:
        for key in "ab":
            pool.start(key, sleep)
        told: list[str] = []
        while len(told) < 2:
            for event in pool.events():
                assert isinstance(event, Told)
                told.append(str(event.said))
                pool.answer(event.key, None)
        (folder / "partial").write_text(" ".join(told))
        (folder / "partial").rename(folder / "pids")
        for _ in pool.events():
            pass

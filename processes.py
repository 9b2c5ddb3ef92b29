"""Processes side by side, each with one task at a time; one that dies takes no other with it."""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

Tell: TypeAlias = Callable[[Any], Any]
"""says how a task goes, and returns the answer"""
Task: TypeAlias = Callable[[Tell], Any]
"""what is run in a process; it is pickled"""


class ProcessDied(RuntimeError):
    """A process ended while it had a task: killed, or out of memory."""


class Told(NamedTuple):
    """What a task says of itself, and waits for an answer to."""

    key: str
    said: Any


class Ended(NamedTuple):
    """A task that has ended."""

    key: str
    result: Any
    error: Exception | None = None
    """what it raised"""
    traceback: str = ""
    """of that error, as text"""

    def outcome(self) -> Any:
        """Its result.

        :raises Exception: what the task raised
        """
        if self.error is not None:
            raise self.error from (RuntimeError(self.traceback) if self.traceback else None)
        return self.result


class _Worker:
    """A spawned process, the pipe to it, and the key of its task."""

    def __init__(self, output: Path | None) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_work, args=(theirs, output))
        self.key: str | None = None
        with _without_interrupts():
            self.process.start()
        theirs.close()  # so that the pipe ends when the process does

    def event(self) -> Told | Ended:
        """What it has sent, or that it has died."""
        assert self.key is not None
        try:
            event: Told | Ended = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            code = self.process.exitcode
            event = Ended(self.key, None, ProcessDied(f"its process ended with status {code}"))
        return event

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


class Pool:
    """Processes that run tasks; a context, at the end of which none of them is left.

    They end with this process, too, however it ends. Ctrl-C does not reach them: it is for whoever
    has the pool to say what becomes of the tasks.

    :param n_workers: processes side by side, spawned when they are needed
    :param output: file to which they append what they print; as this process does if absent
    """

    def __init__(self, n_workers: int, output: Path | None = None) -> None:
        self.n_workers, self.output = n_workers, output
        self._workers: list[_Worker] = []

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()
        self._workers = []

    @property
    def busy(self) -> int:
        """How many tasks are running."""
        return sum(worker.key is not None for worker in self._workers)

    @property
    def free(self) -> int:
        """How many tasks can be started."""
        return self.n_workers - self.busy

    def start(self, key: str, task: Task) -> None:
        """Start a task.

        :param key: its name, unlike those of the others that run
        :param task: called in the other process
        """
        worker = next((w for w in self._workers if w.key is None), None)
        if worker is None:
            worker = _Worker(self.output)
            self._workers.append(worker)
        worker.key = key
        worker.pipe.send((key, task))

    def events(self, timeout: float | None = None) -> Iterator[Told | Ended]:
        """What happens next, to one task or several.

        :param timeout: seconds after which nothing has happened; ``None`` waits for something
        """
        at_work = {w.pipe: w for w in self._workers if w.key is not None}
        for pipe in wait(list(at_work), timeout):
            assert isinstance(pipe, Connection)
            worker = at_work[pipe]
            event = worker.event()
            if isinstance(event, Ended):
                worker.key = None
                if isinstance(event.error, ProcessDied):
                    self._workers.remove(worker)
                    worker.end()
            yield event

    def answer(self, key: str, answer: Any) -> None:
        """Answer the task that has told something."""
        worker = next(w for w in self._workers if w.key == key)
        worker.pipe.send(answer)


def _work(pipe: Connection, output: Path | None) -> None:
    """What a process does: one task after the other."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if output is not None:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(descriptor, stream.fileno())
    while True:
        key, task = pipe.recv()

        def tell(said: Any, key: str = key) -> Any:
            pipe.send(Told(key, said))
            return pipe.recv()

        pipe.send(attempt(key, task, tell))


def attempt(key: str, task: Task, tell: Tell) -> Ended:
    """Call a task, and give its outcome in a form that can be sent."""
    try:
        return Ended(key, task(tell))
    except Exception as error:
        return Ended(key, None, sendable(error), traceback.format_exc())


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def sendable(error: Exception) -> Exception:
    """The error, or one that says the same where it cannot be pickled and back."""
    try:
        copy = pickle.loads(pickle.dumps(error))
    except Exception:
        copy = None
    return error if type(copy) is type(error) else RuntimeError(f"{type(error).__name__}: {error}")


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """A process started here ignores Ctrl-C from its first moment on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

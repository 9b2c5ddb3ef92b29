"""The loop of a sweep: starts runs wherever there is room, and keeps what comes of them."""

import math
import signal
import time
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from ..processes import Ended, Told
from .plan import Plan
from .rows import Row, append_row
from .run import FAILED, GO_ON, PRUNE, STOP, Progress, Run, Stopped

RESULTS_FILE = "results.jsonl"
GRACE = 5.0  # seconds that runs have to save what they have learned, before they are killed
POLL = 0.25  # seconds between two looks at the clock


class Place(Protocol):
    """Where runs are run, a context; :class:`~warmrl.processes.Pool` is one."""

    def __enter__(self) -> "Place":
        """Be ready for runs."""
        ...

    def __exit__(self, *_: object) -> None:
        """Leave none running."""
        ...

    @property
    def busy(self) -> int:
        """How many runs there are."""
        ...

    @property
    def free(self) -> int:
        """How many can be started."""
        ...

    def start(self, key: str, run: Run, /) -> None:
        """Start a run."""
        ...

    def events(self, timeout: float | None = None) -> Iterable[Told | Ended]:
        """What happens next."""
        ...

    def answer(self, key: str, answer: str) -> None:
        """Answer a run that has told something."""
        ...


class Display(Protocol):
    """Shows how a sweep goes."""

    def started(self, run: Run) -> None:
        """A run was started."""
        ...

    def told(self, run: Run, progress: Progress) -> None:
        """A run has told how it goes."""
        ...

    def ended(self, run: Run, row: Row | None, n_ended: int) -> None:
        """A run has ended, or was stopped if there is no row."""
        ...


class Drive:
    """Runs what a plan says.

    :param plan: says which run is next
    :param place: runs it
    :param folder: of the sweep, whose table every run that ends is appended to
    :param rows: all rows there are, by their keys
    :param display: shows how it goes
    """

    def __init__(
        self,
        plan: Plan,
        place: Place,
        folder: Path,
        rows: MutableMapping[str, Row],
        display: Display,
    ) -> None:
        self.plan, self.place, self.rows, self.display = plan, place, rows, display
        self.path = folder / RESULTS_FILE
        self._running: dict[str, Run] = {}
        self._stopping, self._until = False, math.inf

    def go(self) -> None:
        """Run everything; each run that ends is kept at once.

        :raises KeyboardInterrupt: on Ctrl-C, once the runs have saved what they have learned; on a
            second Ctrl-C at once
        """
        with self._interruptible():
            while self._fill() and time.monotonic() < self._until:
                self._look(POLL)
        if self._stopping:
            raise KeyboardInterrupt

    def _fill(self) -> bool:
        """Start runs while there is room; whether any are running."""
        while not self._stopping and self.place.free > 0:
            run = self.plan.next()
            if run is None:
                break
            self._running[run.key] = run
            self.place.start(run.key, run)
            self.display.started(run)
        return bool(self._running)

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Let Ctrl-C ask for an end, where it would tear what is being read or written."""

        def ask(*_: object) -> None:
            if self._stopping:
                raise KeyboardInterrupt
            self._stopping, self._until = True, time.monotonic() + GRACE

        before = signal.signal(signal.SIGINT, ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _look(self, timeout: float) -> None:
        for event in self.place.events(timeout):
            run = self._running[event.key]
            if isinstance(event, Told):
                self.place.answer(run.key, self._answer(run, event.said))
                self.display.told(run, event.said)
            elif isinstance(event.error, Stopped):
                del self._running[run.key]
                self.display.ended(run, None, self.plan.ended)
            else:
                self._end(run, event)

    def _answer(self, run: Run, progress: Progress) -> str:
        if self._stopping:
            return STOP
        return GO_ON if self.plan.goes_on(run, progress) else PRUNE

    def _end(self, run: Run, event: Ended) -> None:
        row: Row = event.result
        if event.error is not None:
            error = f"{type(event.error).__name__}: {event.error}"
            said = {"error": " ".join(error.split()), "traceback": event.traceback}
            row = run.row(FAILED, **said)
        append_row(self.path, row)
        self.rows[run.key] = row
        del self._running[run.key]
        self.plan.end(run, row)
        self.display.ended(run, row, self.plan.ended)

"""A place that runs what a sweep does in threads of this process."""

import traceback
from collections.abc import Iterator
from queue import Empty, Queue
from threading import Thread

from warmrl.processes import Ended, Task, Told


class Threads:
    """As :class:`warmrl.processes.Pool`, but it starts no process.

    :param n: tasks at a time
    """

    started: list[str]

    def __init__(self, n: int, *_: object) -> None:
        self.n, self.busy, self.started = n, 0, []
        self._events: Queue[Told | Ended] = Queue()
        self._answers: dict[str, Queue[str]] = {}

    def __enter__(self) -> "Threads":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def free(self) -> int:
        return self.n - self.busy

    def start(self, key: str, task: Task) -> None:
        self.busy += 1
        self.started.append(key)
        self._answers[key] = Queue()

        def tell(said: object) -> str:
            self._events.put(Told(key, said))
            return self._answers[key].get()

        def work() -> None:
            try:
                ended = Ended(key, task(tell))
            except Exception as error:
                ended = Ended(key, None, error, traceback.format_exc())
            self._events.put(ended)

        Thread(target=work, daemon=True).start()

    def events(self, timeout: float | None = None) -> Iterator[Told | Ended]:
        try:
            event = self._events.get(timeout=timeout)
        except Empty:
            return
        self.busy -= isinstance(event, Ended)
        yield event

    def answer(self, key: str, answer: str) -> None:
        self._answers[key].put(answer)

"""What every shell around a memory task says of it, and how the task is changed from outside."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ..checks import check_kind
from .arguments import Delay
from .batch import Batch
from .changing import arguments_of
from .task import MemoryTask


class TaskShell:
    """An environment, single or vectorised, of one task.

    The task's arguments are attributes of the environment, and can be set (`env.delay = 40`), as
    can the whole `task`: every episode that starts from then on has the new ones, and those under
    way end as they began. Values are checked as they are for a new task. What would change the
    spaces of observations or actions is refused, and so is what would lead out of them.
    """

    _batch: Batch
    _task_names: frozenset[str] = frozenset()
    """its arguments, and `delay`, whatever that is called"""
    _own_names: frozenset[str]

    @property
    def task(self) -> MemoryTask:
        """The task of all episodes that start from now on."""
        return self._latest_task()

    @task.setter
    def task(self, task: MemoryTask) -> None:
        check_kind("task", task, type(self.task))
        if task != self.task:
            self._change(task)

    def set_delay(self, delay: Delay) -> None:
        """Let all episodes that start from now on have another delay, as `env.delay = ...` does.

        Unlike an attribute, a method is found through any wrapper:
        `env.env_method("set_delay", 40)`, `env.get_wrapper_attr("set_delay")(40)`.

        :param delay: steps, or an inclusive range (low, high).
        :raises ValueError: for a delay that the task does not have.
        """
        self.task = self.task.with_delay(delay)

    @property
    def exploration_policy(self) -> tuple[float, ...]:
        """Probability of every action under the task's exploration policy."""
        return self.task.exploration_policy

    @property
    def optimal_return(self) -> float:
        """Expected undiscounted return of the best policy."""
        return self.task.optimal_return

    @property
    def memoryless_return(self) -> float:
        """Expected undiscounted return of the best policy without memory."""
        return self.task.memoryless_return

    if not TYPE_CHECKING:  # for which any name would be an attribute

        def __getattr__(self, name: str) -> Any:
            if name in self._task_names:
                return getattr(self.task, name)
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        def __setattr__(self, name: str, value: Any) -> None:
            if name in self._task_names:
                name = self.task.delay_name if name == "delay" else name
                self.task = dataclasses.replace(self.task, **{name: value})
            else:
                object.__setattr__(self, name, value)

    def _latest_task(self) -> MemoryTask:
        return self._batch.latest.task

    def _change(self, task: MemoryTask) -> None:
        """Let all episodes that start from now on be of another task."""
        self._batch.change(task)

    def _know_task(self) -> None:
        """Let what the task is made of be attributes of the environment; call it when that is made.

        Attributes that the environment has already go first.
        """
        self._own_names = frozenset(dir(self))
        self._task_names = frozenset({"delay", *arguments_of(self.task)}) - self._own_names

    def _check_settable(self, name: str) -> None:
        """Check that an attribute can be set from outside.

        Those of the task can, and those that were added to the environment.

        :raises AttributeError: if it cannot be; names what can.
        """
        property_of_class = getattr(type(self), name, None)
        if getattr(property_of_class, "fset", None) is not None or name in self._task_names:
            return
        if name in self._own_names or not hasattr(self, name):
            can = ", ".join(["task", *sorted(self._task_names)])
            raise AttributeError(
                f"{name!r} cannot be set, nothing would come of it; what can be set is {can}"
            )

"""A memory task as a native Gymnasium vector environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from ..checks import check_integer
from .batch import RENDER_FPS, RENDER_MODES, Batch, NoiseSource, check_render_mode
from .registration import make_task
from .shell import TaskShell
from .streams import Streams, check_seeds
from .task import MemoryTask

Observations = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
_MODES = {mode.value: mode for mode in AutoresetMode}


class MemoryVectorEnv(TaskShell, VectorEnv[Observations, npt.NDArray[np.int64], npt.NDArray[Any]]):
    """N environments of a memory task, stepped together in NumPy arrays.

    `infos["is_success"]` (with its mask `_is_success`) is there on steps that end an episode.
    With same-step reset those also have `infos["final_obs"]` and `infos["final_info"]`, as in
    Gymnasium's own vector environments.

    :param task: a task, or one of `warmrl.envs.TASKS`.
    :param num_envs: number of environments N.
    :param autoreset_mode: "NextStep" (the step after an episode's end ignores its action and
        starts the next episode), "SameStep", or "Disabled" (episodes that have ended are started
        anew by `reset(options={"reset_mask": mask})`).
    :param render_mode: None, "ansi" or "rgb_array".
    :param arguments: the task's arguments, if it is given by its id.
    :raises ValueError: for an unknown task, autoreset mode or render mode.
    """

    def __init__(
        self,
        task: MemoryTask | str,
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        **arguments: Any,
    ) -> None:
        mode = getattr(autoreset_mode, "value", autoreset_mode)
        if mode not in _MODES:
            raise ValueError(f"autoreset_mode={mode!r} must be one of {', '.join(_MODES)}")
        self.autoreset_mode = _MODES[mode]
        self.render_mode = check_render_mode(render_mode)
        self.metadata = {
            "render_modes": list(RENDER_MODES),
            "render_fps": RENDER_FPS,
            "autoreset_mode": self.autoreset_mode,
        }
        self._batch = Batch(make_task(task, **arguments), num_envs)
        self.num_envs = num_envs
        self.single_observation_space = self._batch.observation_space
        self.single_action_space = self._batch.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._ended = np.zeros(num_envs, dtype=np.bool_)
        self._streams: Streams | None = None
        """where each environment has noise of its own; else all draw from `np_random`"""
        self._know_task()

    @property
    def np_random(self) -> np.random.Generator:
        """The generator that all environments share; each has its own after a list of seeds."""
        return super().np_random

    @np_random.setter
    def np_random(self, value: np.random.Generator) -> None:
        self._streams = None
        self._np_random, self._np_random_seed = value, -1  # Gymnasium's word for one not known

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observations, dict[str, Any]]:
        """Start every episode, or some.

        :param seed: one seed for all noise, which the environments share; or one for each of
            them, which then draws what a `MemoryEnv` of that seed draws, whatever the others do.
            None leaves an environment's noise as it goes on, in a list as well.
        :param options: `reset_mask` (`[N]` bool) says which episodes start; the others go on.
            One seed then counts as `seed + i` for environment i.
        :raises TypeError: for a seed that is no int, or a mask that is no array of bools.
        :raises ValueError: for another number of seeds or flags, a negative seed, or an empty mask.
        """
        mask = _reset_mask(options, self.num_envs)
        starting = np.ones(self.num_envs, dtype=np.bool_) if mask is None else mask
        if isinstance(seed, int | np.integer):
            seed = check_integer("seed", seed, 0)
            if mask is None:
                self.np_random, self._np_random_seed = np.random.default_rng(seed), seed
            else:
                self._seed_each([seed + i for i in range(self.num_envs)], starting)
        elif seed is not None:
            self._seed_each(check_seeds(seed, self.num_envs), starting)
        if mask is None:
            observations = self._batch.reset(self._source(starting))
        else:
            self._batch.restart(starting, self._source(starting))
            observations = self._batch.observe()
        self._ended = self._ended & ~starting
        return observations, {}

    def step(
        self, actions: npt.NDArray[np.int64]
    ) -> tuple[Observations, npt.NDArray[np.float32], Flags, Flags, dict[str, Any]]:
        """Take one step in every environment.

        :param actions: `[N]` integers.
        :raises TypeError: for actions that are not integers.
        :raises ValueError: for a wrong shape, or an action out of range.
        """
        batch, mode, started = self._batch, self.autoreset_mode, self._ended
        checked = batch.check_actions(actions)
        if mode is AutoresetMode.DISABLED and started.any():
            raise ResetNeeded(
                f"environments {np.flatnonzero(started).tolist()} have ended; reset them, with "
                "options={'reset_mask': mask} for example"
            )
        source = self.np_random if self._streams is None else self._streams.only(~started)
        reward, terminated, truncated = batch.step(checked, source)
        if mode is AutoresetMode.SAME_STEP:
            infos = self._restart_same_step(terminated | truncated)
            return batch.observe(), reward, terminated, truncated, infos
        if started.any():
            batch.restart(started, self._source(started))
            reward, terminated, truncated = (
                np.where(started, np.zeros_like(field), field)
                for field in (reward, terminated, truncated)
            )
        self._ended = terminated | truncated
        infos = self._success(self._ended)
        return batch.observe(), reward, terminated, truncated, infos

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """An attribute of this object, else of its task, or what it returns if it is a method.

        :return: once for each environment, as `gymnasium.vector.SyncVectorEnv` does.
        :raises AttributeError: when neither has it.
        """
        found = getattr(self if hasattr(self, name) else self.task, name)
        return (found(*args, **kwargs) if callable(found) else found,) * self.num_envs

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """See `call`."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Set an argument of the task, from the next episode of each environment on.

        So can the whole `task` be set, and attributes that were added to this object; see
        `TaskShell`. All environments share them.

        :param values: one value; or a list or tuple of one for each environment, which are all the
            same. A range of delays is a value, so it is `[(2, 10)] * N`.
        :raises AttributeError: for anything else, of which nothing would come.
        :raises ValueError: for a value that the task does not have, or that would change the
            spaces; for values that differ.
        """
        self._check_settable(name)
        if isinstance(values, list | tuple):
            if len(values) != self.num_envs or any(value != values[0] for value in values):
                raise ValueError(
                    f"{name}={values!r} must be one value, or the same {self.num_envs} times: "
                    "environments share attributes, and a range is [(low, high)] * N"
                )
            values = values[0]
        setattr(self, name, values)

    def render(self) -> tuple[Any, ...] | None:
        """Every episode as text or as an image; None without a render mode."""
        if self.render_mode is None:
            return None
        return tuple(self._batch.render(self.render_mode, i) for i in range(self.num_envs))

    def _success(self, done: Flags) -> dict[str, Any]:
        if not done.any():
            return {}
        return {"is_success": self._batch.success() & done, "_is_success": done}

    def _restart_same_step(self, done: Flags) -> dict[str, Any]:
        if not done.any():
            return {}
        index = np.flatnonzero(done)
        final = np.full(self.num_envs, None, dtype=object)
        for i, observation in zip(index, self._batch.observe_rows(index), strict=True):
            final[i] = observation
        infos: dict[str, Any] = {"final_obs": final, "_final_obs": done}
        infos |= {"final_info": self._success(done), "_final_info": done}
        self._batch.restart(done, self._source(done))
        return infos

    def _source(self, drawing: Flags) -> NoiseSource:
        """Where some environments (`[N]` bool) draw their noise from."""
        return self.np_random if self._streams is None else self._streams.only(drawing)

    def _seed_each(self, seeds: Sequence[int | None], starting: Flags) -> None:
        """Give the environments that start, and have a seed, a stream of it.

        Those without go on with theirs; where there was but one for all, it gives them their own.
        """
        wanted = [s if starts else None for s, starts in zip(seeds, starting, strict=True)]
        if all(s is None for s in wanted):
            return
        if self._streams is None:
            own = self.np_random.integers(2**63, size=(self.num_envs, 2))
            self._streams = Streams([np.random.default_rng(numbers) for numbers in own])
        for i, s in enumerate(wanted):
            if s is not None:
                self._streams.generators[i] = np.random.default_rng(s)
        self._np_random_seed = -1


def _reset_mask(options: dict[str, Any] | None, n: int) -> Flags | None:
    """Which episodes are to start, `[N]` bool; None for all.

    :raises TypeError: if it is no array of bools.
    :raises ValueError: if its shape is another, or it is empty.
    """
    if options is None or "reset_mask" not in options:
        return None
    mask = options["reset_mask"]
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
        kind = f"{mask.dtype} array" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise TypeError(f"options['reset_mask'] is a {kind}; it must be a NumPy array of bools")
    if mask.shape != (n,):
        raise ValueError(f"options['reset_mask'] of shape {mask.shape} must have shape ({n},)")
    if not mask.any():
        raise ValueError("options['reset_mask'] must be True for at least one environment")
    return mask

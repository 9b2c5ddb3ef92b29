"""Episodes of a greedy agent, kept step by step for a person to look at."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.image import imsave

from warmrl.agents import Agent
from warmrl.envs import MemoryTask
from warmrl.envs.arguments import delay_bounds
from warmrl.envs.batch import Batch

from .play import check_fits
from .portrait import has_cues, spread_cues

LONGEST_DELAY = 100  # steps that a person still looks at
WITHOUT_CUES = 4  # episodes, where cues cannot be enumerated


@dataclass(frozen=True, eq=False)
class Replay:
    """One episode of T steps: what there was to see, and what the agent made of it."""

    name: str
    """the cue, or the number of the episode"""
    pictures: list[bytes]
    """before every step, and at the end; T + 1 images in PNG, a fraction of their pixels' size"""
    texts: list[str]
    """the same in words [T + 1]"""
    probabilities: npt.NDArray[np.float32]
    """of every action, in every step [T, A]"""
    actions: npt.NDArray[np.int64]
    """what was done [T]"""
    memory: npt.NDArray[np.float32]
    """h of all layers in every step, with what was seen in it [T, D]"""
    total: float
    """undiscounted return"""
    solved: bool
    """whether the episode was solved"""

    def __len__(self) -> int:
        """T, the steps."""
        return len(self.actions)


def record(agent: Agent, task: MemoryTask, seed: int = 0) -> list[Replay]:
    """Play one greedy episode for each cue, at the longest delay of training.

    Delays beyond 100 steps are shortened to that. Of more than 12 cues, 12 evenly spaced ones are
    played; where they cannot be enumerated, or something is random later, 4 episodes of a seed.

    :param agent: an agent; its own memory is not touched
    :param task: the task as the agent was trained on it
    :param seed: of what is random
    :raises ValueError: if the agent has other observations or actions
    """
    check_fits(agent, task)
    longest = delay_bounds(task.delay)[1]
    delayed = task.with_delay(max(min(longest, LONGEST_DELAY), task.minimum_delay))
    if has_cues(delayed):
        cues, names, unused = delayed.cues(), delayed.cue_names(), np.random.default_rng(seed)
        which = spread_cues(len(cues))
        return [_record(agent, delayed, cues[i], names[i], unused) for i in which]
    replays = []
    for i in range(WITHOUT_CUES):
        noise = np.random.default_rng((seed, i))
        start = noise.random(delayed.reset_noise)
        replays.append(_record(agent, delayed, start, f"episode {i + 1}", noise))
    return replays


@torch.inference_mode()
def _record(
    agent: Agent,
    task: MemoryTask,
    start: npt.NDArray[np.float64],
    name: str,
    noise: np.random.Generator,
) -> Replay:
    batch, step = Batch(task, 1), agent.step
    batch.state = batch.episode.reset(start[None])
    memory = step.initial_state(1)
    pictures, texts, probabilities, actions, states = [], [], [], [], []
    total, over = 0.0, False
    while True:
        pictures.append(_png(batch.render("rgb_array", 0)))
        texts.append(batch.render("ansi", 0))
        if over:
            break
        observation = torch.as_tensor(batch.observe(), device=memory[0].device)
        trunk, memory = step.advance(step.features(observation), memory)
        action = step.act(trunk).cpu().numpy()
        probabilities.append(step.scores(trunk)[0].softmax(dim=-1))
        actions.append(action[0])
        states.append(memory[0][:, 0].flatten())  # (layers, 1, H) -> (layers * H)
        reward, terminated, truncated = batch.step(action, noise)
        total += float(reward[0])
        over = bool(terminated[0] | truncated[0])
    return Replay(
        name,
        pictures,
        texts,
        torch.stack(probabilities).cpu().numpy(),
        np.array(actions),
        torch.stack(states).cpu().numpy(),
        total,
        bool(batch.success()[0]),
    )


def _png(pixels: npt.NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    imsave(file, pixels, format="png")
    return file.getvalue()


def tell_apart(replays: Sequence[Replay]) -> npt.NDArray[np.int64]:
    """An order of the units in which a person sees what tells the episodes apart [D].

    Units stand together that are highest in the same episode; in such a group those come first
    that vary most between episodes. Only steps count that all of the episodes have.
    """
    shared = min(map(len, replays))
    memory = np.stack([replay.memory[:shared] for replay in replays])  # (K, shared, D)
    highest = memory.mean(axis=1).argmax(axis=0)
    return np.lexsort((-memory.var(axis=0).mean(axis=0), highest))


def distances(replays: Sequence[Replay], k: int) -> list[float | None]:
    """How far the memory of episode k is from the nearest other one in the same step [T].

    ``None`` where no other episode lasts as long.
    """
    own, found = replays[k].memory, list[float | None]()
    for t, state in enumerate(own):
        others = [r.memory[t] for j, r in enumerate(replays) if j != k and t < len(r)]
        gaps = [float(np.linalg.norm(state - other)) for other in others]
        found.append(min(gaps, default=None))
    return found

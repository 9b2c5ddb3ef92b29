"""A rollout of one environment: memory, values, bootstrapping and advantages, step by step."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from warmrl.tests.reference.network import Memory, Network


class Step(NamedTuple):
    """What happened in one step of one environment."""

    starts: bool
    """whether it is the first of an episode"""
    observation: Tensor  # [I]
    action: int
    reward: float
    following: Tensor
    """the observation that the action led to [I], in an episode's last step the last one"""
    terminated: bool
    truncated: bool


@dataclass
class Rollout:
    """What a network makes of T steps, each field [T]."""

    steps: list[Step]
    memories: list[Memory]
    """before each step, as it was then"""
    values: list[float]
    log_probs: list[float]
    rewards: list[float]
    advantages: list[float]
    after: Memory
    """after the last step"""


@torch.no_grad()
def roll_out(
    network: Network,
    steps: list[Step],
    memory: Memory,
    gamma: float,
    gae_lambda: float,
    reward_scale: float,
) -> Rollout:
    """Go along the steps with the memory that was left, and forget where an episode starts."""
    rollout = Rollout(steps, [], [], [], [], [], memory)
    next_values = []
    for step in steps:
        memory = network.blank() if step.starts else rollout.after
        logits, value, rollout.after = network.step(step.observation, memory)
        next_values.append(float(network.step(step.following, rollout.after)[1]))
        rollout.memories.append(memory)
        rollout.values.append(float(value))
        rollout.log_probs.append(float(logits.log_softmax(0)[step.action]))
        # SB3 counts what a truncated episode would still have paid as a part of its last reward
        still = gamma * next_values[-1] if step.truncated and not step.terminated else 0.0
        rollout.rewards.append(reward_scale * step.reward + still)
    for t, step in enumerate(steps):
        if step.terminated or step.truncated:
            next_values[t] = 0.0
    deltas = [
        reward + gamma * after - value
        for reward, after, value in zip(rollout.rewards, next_values, rollout.values, strict=True)
    ]
    decay = gamma * gae_lambda
    rollout.advantages = [_advantage(deltas, steps, t, decay) for t in range(len(steps))]
    return rollout


def _advantage(deltas: list[float], steps: list[Step], t: int, decay: float) -> float:
    """Schulman et al. 2016, eq. 16: the sum of discounted deltas to the end of the episode."""
    total = 0.0
    for k in range(t, len(steps)):
        total += decay ** (k - t) * deltas[k]
        if steps[k].terminated or steps[k].truncated:
            break
    return total

"""What a policy says of actions that were taken, in the form in which a buffer keeps them."""

from typing import Any

from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from torch import Tensor


def evaluate_taken(
    policy: RecurrentActorCriticPolicy, observations: Any, actions: Tensor, states: Any, starts: Any
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Values [S, 1], log-probabilities and entropies [S] along whole sequences.

    :param policy: sb3-contrib's or one of ours
    :param observations: what was seen [S, ...], or a dict of such
    :param actions: what was done [S, A]; of discrete ones as numbers of any kind
    :param states: recurrent states before each sequence
    :param starts: where episodes start [S]
    """
    if isinstance(policy.action_space, spaces.Discrete):
        actions = actions.long().flatten()
    result: tuple[Tensor, Tensor, Tensor | None] = policy.evaluate_actions(
        observations, actions, states, starts
    )
    return result

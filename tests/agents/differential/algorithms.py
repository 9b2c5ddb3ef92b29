"""Our algorithm, and subclasses whose methods are copies of upstream's, as users write them."""

from typing import Any
from unittest.mock import patch

import sb3_contrib
from sb3_contrib.ppo_recurrent import ppo_recurrent

from warmrl.agents import RecurrentPPO
from warmrl.agents.sequence_buffer import SequenceBuffer


class UpstreamsUpdate(RecurrentPPO):
    """An update of a user's own, which reads minibatches from the buffer."""

    train = sb3_contrib.RecurrentPPO.train


class UpstreamsRollouts(RecurrentPPO):
    """Rollouts of a user's own, which add NumPy arrays to the buffer."""

    def collect_rollouts(self, *args: Any, **kwargs: Any) -> bool:
        name = "RecurrentRolloutBuffer"  # upstream's asserts that its buffer is one
        with patch.object(ppo_recurrent, name, SequenceBuffer):
            complete: bool = sb3_contrib.RecurrentPPO.collect_rollouts(self, *args, **kwargs)
        return complete


ALGORITHMS: dict[str, type[RecurrentPPO]] = {
    "ours": RecurrentPPO,
    "update of upstream": UpstreamsUpdate,
    "rollouts of upstream": UpstreamsRollouts,
}

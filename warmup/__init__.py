"""Warm-up: make recurrent networks multistable on random rollouts, before any training.

And its rival, pre-training to local stability.
"""

from .callback import WarmupCallback
from .config import WarmupConfig, WarmupResult
from .multistability import vaa, vaa_star
from .procedure import warm_up
from .reachable import reachable_vaa
from .rollouts import random_rollouts
from .stability import LocalStabilityConfig, LocalStabilityResult, local_stability
from .trajectories import Trajectories

__all__ = [
    "LocalStabilityConfig",
    "LocalStabilityResult",
    "Trajectories",
    "WarmupCallback",
    "WarmupConfig",
    "WarmupResult",
    "local_stability",
    "random_rollouts",
    "reachable_vaa",
    "vaa",
    "vaa_star",
    "warm_up",
]

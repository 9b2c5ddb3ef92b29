"""Warm-up: make recurrent networks multistable on random rollouts, before any training."""

from .callback import WarmupCallback
from .config import WarmupConfig, WarmupResult
from .multistability import vaa, vaa_star
from .procedure import warm_up
from .reachable import reachable_vaa
from .rollouts import random_rollouts
from .trajectories import Trajectories

__all__ = [
    "Trajectories",
    "WarmupCallback",
    "WarmupConfig",
    "WarmupResult",
    "random_rollouts",
    "reachable_vaa",
    "vaa",
    "vaa_star",
    "warm_up",
]

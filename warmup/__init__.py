"""Warm-up: make recurrent networks multistable on random rollouts, before any training.

Its rival, pre-training to local stability; and consolidation, which keeps states while training.
"""

from .callback import WarmupCallback
from .config import WarmupConfig, WarmupResult
from .consolidation import ConsolidationCallback
from .consolidation_config import ConsolidationConfig, ConsolidationResult
from .greedy_judge import GreedyJudge
from .judging import Episodes, Judge, Score, worse
from .multistability import vaa, vaa_star
from .procedure import warm_up
from .reachable import reachable_vaa
from .resting import rest_loss
from .rollouts import random_rollouts
from .stability import LocalStabilityConfig, LocalStabilityResult, local_stability
from .trajectories import Trajectories

__all__ = [
    "ConsolidationCallback",
    "ConsolidationConfig",
    "ConsolidationResult",
    "Episodes",
    "GreedyJudge",
    "Judge",
    "LocalStabilityConfig",
    "LocalStabilityResult",
    "Score",
    "Trajectories",
    "WarmupCallback",
    "WarmupConfig",
    "WarmupResult",
    "local_stability",
    "random_rollouts",
    "reachable_vaa",
    "rest_loss",
    "vaa",
    "vaa_star",
    "warm_up",
    "worse",
]

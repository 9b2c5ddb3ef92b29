"""Recurrent agents for Stable-Baselines3: cells, policies, recurrent PPO on whole sequences."""

from . import bistable, minimal_gated  # noqa: F401  (their cells register themselves)
from .agent import Agent
from .cells import CELLS
from .finite import NotFiniteError
from .initialisers import INITIALISERS
from .policies import CnnRnnPolicy, MlpRnnPolicy, MultiInputRnnPolicy
from .recurrent_ppo import RecurrentPPO

__all__ = [
    "CELLS",
    "INITIALISERS",
    "Agent",
    "CnnRnnPolicy",
    "MlpRnnPolicy",
    "MultiInputRnnPolicy",
    "NotFiniteError",
    "RecurrentPPO",
]

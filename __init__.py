"""Reinforcement-learning agents that remember: warmed-up recurrent PPO for Stable-Baselines3."""

__version__ = "0.1.0"

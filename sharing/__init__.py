"""Agents for others: a model card, and the Hugging Face Hub."""

from .card import model_card, write_card
from .hub import load_from_hub, push_to_hub

__all__ = ["load_from_hub", "model_card", "push_to_hub", "write_card"]

"""Train and eval mode, for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def training_mode(module: nn.Module, mode: bool) -> Iterator[None]:
    """Put a module in train or eval mode; afterwards each of its parts is in the mode it was in."""
    before = [(part, part.training) for part in module.modules()]
    module.train(mode)
    try:
        yield
    finally:
        for part, was in before:
            part.training = was

"""A wrong call, and what its error must be."""

from collections.abc import Callable
from typing import NamedTuple

import pytest


class Wrong(NamedTuple):
    """What is called, words that its single line must contain, and the exact type of the error."""

    call: Callable[[], object]
    words: str
    error: type[Exception] = ValueError


def each(*table: Wrong) -> pytest.MarkDecorator:
    """A test with the parameter ``wrong``, over a table."""
    return pytest.mark.parametrize("wrong", table, ids=[wrong.words for wrong in table])


def check(wrong: Wrong) -> None:
    """Make the call."""
    with pytest.raises(wrong.error) as caught:
        wrong.call()
    message = str(caught.value)
    assert caught.type is wrong.error
    assert wrong.words in message
    assert "\n" not in message

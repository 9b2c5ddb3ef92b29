"""One line for a disk that is full."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..command_line import UserError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say which file could not be written.

    :raises UserError: in place of an :class:`OSError`
    """
    try:
        yield
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error

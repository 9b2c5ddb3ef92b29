"""Files that are written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".partial"
"""suffix of a file that is being written; killed meanwhile, a program leaves it behind"""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Where to write a file, which takes its place once all of it is on the disk.

    Whatever goes wrong until then, the file that was there stays as it was::

        with whole_file(folder / "config.json") as partial:
            partial.write_text(text)

    :param path: the file
    :return: the path to write to, next to it
    """
    partial = path.with_name(f"{path.name}{PARTIAL}")
    try:
        yield partial
        _sync(partial, os.O_RDWR)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # elsewhere a folder cannot be opened
        _sync(path.parent, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""A folder for one process."""

import os
import weakref
from pathlib import Path


class FolderLock:
    """Keeps other processes out of a folder, until closed or for as long as this object lives.

    A process that is killed leaves no lock behind. Only POSIX systems lock folders.

    :param path: an existing folder
    :param field: where it comes from, for the message
    :raises BlockingIOError: if another one is writing it
    """

    def __init__(self, path: Path, field: str) -> None:
        self._closes: weakref.finalize[[int], FolderLock] | None = None
        if os.name != "posix":  # elsewhere a folder cannot be opened
            return
        import fcntl

        descriptor = os.open(path, os.O_RDONLY)
        self._closes = weakref.finalize(self, os.close, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(
                f"{field}={str(path)!r} is being written by another process; it must be another "
                "folder"
            ) from None

    def close(self) -> None:
        """Let others write into the folder."""
        if self._closes is not None:
            self._closes()

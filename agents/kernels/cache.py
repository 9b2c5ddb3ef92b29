"""Where compiled kernels are kept between processes, and when they are compiled anew.

Numba's own cache notices an edit of the file that a function is in, but not of the files that it
calls; takes what a killed process left half-written; and ends the program where a folder cannot be
written. Only functions of this package go through here.
"""

import hashlib
import pickle
import warnings
from functools import cache
from importlib.resources import files
from typing import Any

import llvmlite
from numba.core.caching import CompileResultCacheImpl, FunctionCache, NullCache
from numba.core.serialize import dumps


@cache
def stamp() -> str:
    """A digest of every source file of this package, and of the compiler behind numba."""
    digest = hashlib.sha256(llvmlite.__version__.encode())
    for file in sorted(files(__package__).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".py"):
            digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


@cache
def _say_once(reason: str) -> None:
    warnings.warn(
        f"compiled kernels are not kept, so that every process compiles them again: {reason}; set "
        "NUMBA_CACHE_DIR to a folder that can be written",
        RuntimeWarning,
        stacklevel=2,
    )


class _Result(CompileResultCacheImpl):
    """Reads and writes one result, stamped, with a checksum."""

    def reduce(self, cres: Any) -> tuple[str, bytes, bytes]:
        """See numba."""
        payload: bytes = dumps(super().reduce(cres))  # type: ignore[no-untyped-call]
        return stamp(), hashlib.sha256(payload).digest(), payload

    def rebuild(self, target_context: Any, reduced: Any) -> Any:
        """See numba. A result of other sources, or a damaged one, is none."""
        written, checksum, payload = reduced
        if written != stamp() or hashlib.sha256(payload).digest() != checksum:
            return None
        return super().rebuild(target_context, pickle.loads(payload))  # type: ignore[no-untyped-call]


class KernelCache(FunctionCache):
    """Numba's cache of a function; what goes wrong with it costs time only."""

    _impl_class = _Result

    def __init__(self, function: Any) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        self._cache_file._source_stamp = stamp()

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """See numba. A file that cannot be read holds nothing."""
        try:
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except Exception:  # unpickling garbage may raise anything
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """See numba. An index that cannot be read is begun anew."""
        try:
            try:
                super().save_overload(sig, data)  # type: ignore[no-untyped-call]
            except OSError:
                raise
            except Exception:  # unpickling garbage may raise anything
                self.flush()  # type: ignore[no-untyped-call]
                super().save_overload(sig, data)  # type: ignore[no-untyped-call]
        except OSError as error:
            self.disable()  # type: ignore[no-untyped-call]
            _say_once(str(error))


def cached(dispatcher: Any) -> Any:
    """Keep what a function is compiled to, where there is a folder for it.

    :param dispatcher: what ``numba.njit`` made of a function
    """
    try:
        dispatcher._cache = KernelCache(dispatcher.py_func)
    except RuntimeError:  # numba has no folder
        dispatcher._cache = NullCache()
        _say_once("neither the package's folder nor the user's cache can be written")
    return dispatcher

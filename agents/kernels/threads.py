"""Threads of the matrix products in compiled loops."""

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib import import_module
from typing import Any

import torch
from threadpoolctl import ThreadpoolController


@cache
def _pools() -> ThreadpoolController:
    import_module("scipy.linalg.cython_blas")  # numba's matrix products; only what is loaded counts
    return ThreadpoolController().select(user_api="blas")


def as_many_threads_as_torch() -> AbstractContextManager[Any]:
    """Hold the matrix products of compiled loops to the threads that torch may use."""
    n, pools = torch.get_num_threads(), _pools()
    if all(pool.num_threads == n for pool in pools.lib_controllers):
        return nullcontext()  # changing it takes ten times as long as looking
    limit: AbstractContextManager[Any] = pools.limit(limits=n)
    return limit

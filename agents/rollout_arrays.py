"""The tensors of a rollout as NumPy arrays, which SB3's callbacks read and write."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Array = npt.NDArray[Any]


class RolloutArrays:
    """Arrays made when they are first asked for; until then they cost nothing.

    An array shares the memory of its tensor where it can. Otherwise, on another device or of
    another dtype, it is a mirror: kept current as tensors are written to, and written back before
    they are read.

    :param tensors: what was stored, by name, each [T, N, ...]
    :param dtypes: dtype of the arrays, where it is not that of the tensors
    """

    def __init__(self, tensors: Mapping[str, Tensor], dtypes: Mapping[str, npt.DTypeLike]) -> None:
        self._tensors = tensors
        self._dtypes = dtypes
        self._mirrors: dict[str, Array] = {}
        self.given = False
        """whether anybody has an array"""

    def get(self, name: str) -> Array:
        """The array of a name [T, N, ...], the same at every call."""
        self.given = True
        tensor = self._tensors[name]
        array: Array = tensor.detach().cpu().numpy()
        dtype = np.dtype(self._dtypes.get(name, array.dtype))
        if tensor.device.type == "cpu" and array.dtype == dtype:
            return array
        if name not in self._mirrors:
            self._mirrors[name] = array.astype(dtype)
        return self._mirrors[name]

    def row_written(self, t: int) -> None:
        """Tensors have changed at step t."""
        for name, mirror in self._mirrors.items():
            mirror[t] = self._tensors[name][t].cpu().numpy()

    def written(self) -> None:
        """Tensors have changed."""
        for name, mirror in self._mirrors.items():
            mirror[...] = self._tensors[name].cpu().numpy()

    def write_back(self) -> None:
        """Let tensors be what their mirrors are."""
        for name, mirror in self._mirrors.items():
            tensor = self._tensors[name]
            tensor.copy_(torch.from_numpy(mirror.astype(_numpy_dtype(tensor), copy=False)))


def _numpy_dtype(tensor: Tensor) -> npt.DTypeLike:
    return tensor.new_empty(0, device="cpu").numpy().dtype

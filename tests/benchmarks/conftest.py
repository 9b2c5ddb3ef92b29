"""A folder like MNIST's, with a few tiny images."""

import gzip
from pathlib import Path

import numpy as np
import pytest

SIDE, N_TRAIN, N_TEST = 3, 40, 10


def idx(array: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, array.ndim])
    return head + np.array(array.shape, ">i4").tobytes() + array.astype(np.uint8).tobytes()


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    """Image n has n in its first pixel, its label in its second, and 255 in its last."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    number = np.arange(N_TRAIN + N_TEST)
    images = np.zeros((len(number), SIDE, SIDE), np.uint8)
    images[:, 0, 0], images[:, 0, 1], images[:, 2, 2] = number, number % 10, 255
    for part, chosen in (("train", number[:N_TRAIN]), ("t10k", number[N_TRAIN:])):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(images[chosen]))
        labels = gzip.compress(idx(chosen % 10))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(labels)
    return folder

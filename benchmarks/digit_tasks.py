"""Images of digits, read pixel by pixel or row by row, and named many black steps later."""

import gzip
import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from warmrl.benchmarks.sequence_tasks import Sequences, SequenceTask
from warmrl.checks import check_flag, check_integer

IMAGES, LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"
PARTS = ("train", "t10k")


@dataclass(frozen=True)
class Digits(SequenceTask):
    """Name the digit of an image that is followed by black pixels (Lambrechts et al. 2023).

    :param permuted: whether the pixels are reordered, in all images alike
    :param rows: whether a step shows a row of pixels, or only one
    :param black: black steps after the image
    :param mnist: folder of MNIST's four files (IDX format, also with ``.gz``); the 1 797 images of
        8 x 8 that come with scikit-learn if absent
    :raises ValueError: if there are no images: neither a folder nor scikit-learn
    :raises OSError: if the folder has not all of the files
    """

    permuted: bool = False
    rows: bool = False
    black: int = 136
    mnist: Path | None = None
    n_outputs = 10
    error_without_memory = 0.9

    def __post_init__(self) -> None:
        check_flag("permuted", self.permuted)
        check_flag("rows", self.rows)
        check_integer("black", self.black, 0)
        if self.mnist is None and importlib.util.find_spec("sklearn") is None:
            raise ValueError(
                "mnist=None must be a folder of MNIST's files, or scikit-learn be there, which has "
                "smaller images: pip install 'warmrl[supervised]'"
            )
        digits(self.mnist)

    @property
    def n_inputs(self) -> int:
        """Pixels in a row, or one."""
        return digits(self.mnist)[0].shape[2] if self.rows else 1

    def draw(self, n: int, generator: torch.Generator) -> Sequences:
        """Different images, at most all; see the class."""
        images, labels = digits(self.mnist)
        which = torch.randperm(len(images), generator=generator)[:n]
        pixels = images[which].flatten(1)  # (n, pixels)
        if self.permuted:
            order = torch.Generator().manual_seed(0)  # one order in all runs
            pixels = pixels[:, torch.randperm(pixels.shape[1], generator=order)]
        steps = pixels.reshape(len(pixels), -1, self.n_inputs).transpose(0, 1)  # (steps, n, I)
        return Sequences(F.pad(steps, (0, 0, 0, 0, 0, self.black)), labels[which][None])


@lru_cache(maxsize=1)
def digits(mnist: Path | None) -> tuple[Tensor, Tensor]:
    """Images of digits, those of MNIST's test set among them.

    :param mnist: see :class:`Digits`
    :return: images [N, height, width] in 0..1 and labels [N] int64
    """
    if mnist is None:
        from sklearn.datasets import load_digits

        found = load_digits()
        return torch.tensor(found.images / 16).float(), torch.tensor(found.target).long()
    images = np.concatenate([read_idx(mnist, f"{part}-{IMAGES}") for part in PARTS])
    labels = np.concatenate([read_idx(mnist, f"{part}-{LABELS}") for part in PARTS])
    return torch.tensor(images).float() / 255, torch.tensor(labels).long()


def read_idx(folder: Path, name: str) -> np.ndarray:
    """An array of bytes in MNIST's format: two zeros, 8 for bytes, the number of dimensions, each
    of them as a big-endian int32, and the bytes.

    :raises FileNotFoundError: if the folder has no such file, compressed or not
    :raises ValueError: if it is another kind of file, or cut short
    """
    path = folder / f"{name}.gz"
    if path.exists():
        content = gzip.decompress(path.read_bytes())
    else:
        path = folder / name
        content = path.read_bytes()
    if content[:3] != b"\0\0\x08":
        raise ValueError(f"mnist={str(folder)!r}: {path.name} must be an IDX file of bytes")
    start = 4 + 4 * content[3]
    shape = np.frombuffer(content[4:start], ">i4")
    values = np.frombuffer(content[start:], np.uint8)
    if values.size != shape.prod():
        raise ValueError(
            f"mnist={str(folder)!r}: {path.name} holds {values.size} bytes; it must hold "
            f"{shape.prod()}, as it says at its head"
        )
    return values.reshape(shape)

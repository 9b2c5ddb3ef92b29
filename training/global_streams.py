"""The global random streams that Stable-Baselines3 seeds, and that training draws from."""

import random
from typing import Any

import numpy as np
import torch

from ..named_arrays import Arrays


def global_streams(device: torch.device) -> tuple[Arrays, dict[str, Any]]:
    """Where torch's, NumPy's and Python's global streams are.

    :param device: the device whose stream counts beside the CPU's
    :return: torch's as arrays, the others as JSON
    """
    arrays: Arrays = {"torch": torch.get_rng_state().numpy()}
    if device.type == "cuda":
        arrays["cuda"] = torch.cuda.get_rng_state(device).numpy()
    numpy: Any = np.random.get_state(legacy=False)  # noqa: NPY002
    arrays["numpy"] = numpy["state"].pop("key")
    return arrays, {"numpy": numpy, "python": random.getstate()}


def set_global_streams(arrays: Arrays, numbers: dict[str, Any], device: torch.device) -> None:
    """Put the global streams where :func:`global_streams` found them.

    The stream of a device stays as it is, if it was not one of them.
    """
    torch.set_rng_state(torch.from_numpy(arrays["torch"].copy()))
    if device.type == "cuda" and "cuda" in arrays:
        torch.cuda.set_rng_state(torch.from_numpy(arrays["cuda"].copy()), device)
    numpy = numbers["numpy"]
    state = numpy | {"state": numpy["state"] | {"key": arrays["numpy"]}}
    np.random.set_state(state)  # noqa: NPY002
    version, words, gauss = numbers["python"]
    random.setstate((version, tuple(words), gauss))

"""Snapshots as files: safetensors and JSON, with a checksum over everything."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..agents.whole_file import whole_file
from ..named_arrays import Arrays
from .snapshot import Snapshot

FORMAT = "warmrl checkpoint 1"


def write_checkpoint(path: Path, snapshot: Snapshot) -> None:
    """Write a snapshot, whole or not at all; nothing in the file can be executed.

    The header's metadata holds the notes as JSON, and a SHA-256 of them and of all arrays.

    :raises OSError: if it cannot be written
    """
    arrays = {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in snapshot.arrays.items()}
    notes = json.dumps(snapshot.notes)
    metadata = {"format": FORMAT, "notes": notes, "sha256": _digest(arrays, notes)}
    with whole_file(path) as partial:
        partial.write_bytes(save(arrays, metadata))


def read_checkpoint(path: Path) -> Snapshot:
    """Read what :func:`write_checkpoint` wrote, unless a bit of it has changed.

    :raises ValueError: if the file is damaged or something else
    :raises OSError: if it cannot be read
    """
    try:
        with safe_open(path, "numpy") as file:
            metadata: dict[str, str] = file.metadata() or {}
            arrays: Arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if metadata.get("format") != FORMAT:
        raise ValueError(f"{path} is damaged or no checkpoint: its format is not {FORMAT!r}")
    text = metadata.get("notes", "")
    if metadata.get("sha256") != _digest(arrays, text):
        raise ValueError(f"{path} is damaged: its contents do not have its checksum")
    notes: dict[str, Any] = json.loads(text)
    return Snapshot(arrays, notes)


def _digest(arrays: Arrays, notes: str) -> str:
    digest = hashlib.sha256(notes.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()

"""Finished runs as lines of JSON, to which one is appended at a time."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]


def append_row(path: Path, row: Row) -> None:
    """Append a row; where a kill has torn the last line, that is ended first.

    :param path: the file, which need not be there
    """
    with path.open("ab+") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            torn = file.read(1) != b"\n"
            file.write(b"\n" if torn else b"")
        file.write(json.dumps(row).encode() + b"\n")


def read_rows(path: Path) -> list[Row]:
    """The rows of a file, none if it is not there; a line torn by a kill is left out."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def grouped(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by their group, in the order of their first."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["group"], []).append(row)
    return groups

"""``progress.csv``, which a resumed run goes on writing."""

import csv
import io
import os
from pathlib import Path
from typing import Any

from stable_baselines3.common.logger import KVWriter, filter_excluded_keys

from ..agents.whole_file import whole_file
from .writing import writing

ITERATIONS = "time/iterations"


class ProgressCsv(KVWriter):
    """A row for each rollout, on the disk as soon as it is written.

    Unlike SB3's CSV output it goes on with a file that is there, numbers the iterations through,
    and sorts new columns, so that two runs of one seed write the same.

    :param path: the file
    :param rows: how many of its rows are kept; ``None`` for all
    :raises ValueError: if it is there, but no text
    """

    def __init__(self, path: Path, rows: int | None = None) -> None:
        self.path = path
        try:
            text = path.read_text() if path.exists() else ""
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} must be text, or absent: {error}") from error
        lines = [line for line in text.splitlines(keepends=True) if line.endswith("\n")]
        self.keys = next(csv.reader(lines[:1]), [])
        kept = "".join(lines if rows is None else lines[: rows + 1])
        if kept != text:
            self._replace(kept)
        self.rows = max(len(lines) - 1, 0) if rows is None else rows

    def write(
        self,
        key_values: dict[str, Any],
        key_excluded: dict[str, tuple[str, ...]],
        step: int = 0,  # noqa: ARG002
    ) -> None:
        """See SB3.

        :raises UserError: if the disk is full, for example
        """
        values = filter_excluded_keys(key_values, key_excluded, "csv")
        if ITERATIONS in values:  # learn() counts its own
            values[ITERATIONS] = self.rows + 1
        new = sorted(values.keys() - set(self.keys))
        with writing(self.path):
            if new:
                self._widen(new)
            with self.path.open("a", newline="") as file:
                file.write(_line([values.get(key, "") for key in self.keys]))
        self.rows += 1

    def sync(self) -> None:
        """See to it that what was written outlasts the machine's failure.

        :raises OSError: if it does not
        """
        if self.path.exists():
            with self.path.open("r+") as file:
                os.fsync(file.fileno())

    def close(self) -> None:
        """Nothing is open between two rows."""

    def _widen(self, new: list[str]) -> None:
        """Add columns, empty in the rows that there are."""
        rows = self.path.read_text().splitlines()[1:] if self.path.exists() else []
        self._replace(
            _line([*self.keys, *new]) + "".join(f"{row}{',' * len(new)}\n" for row in rows)
        )
        self.keys += new

    def _replace(self, text: str) -> None:
        with whole_file(self.path) as partial:
            partial.write_text(text)


def _line(values: list[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(map(str, values))
    return line.getvalue()

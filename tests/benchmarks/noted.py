"""A job that other processes can import."""

import time
from dataclasses import dataclass
from pathlib import Path

from warmrl.sweeps.rows import Row


@dataclass(frozen=True)
class Noted:
    """A job that notes in a file that it was run."""

    seed: int
    notes: Path
    seconds: float = 0.0

    @property
    def key(self) -> str:
        return str(self.seed)

    def run(self) -> Row:
        time.sleep(self.seconds)
        with self.notes.open("a") as file:
            file.write(f"{self.seed}\n")
        return {"group": "even" if self.seed % 2 == 0 else "odd", "seed": self.seed}

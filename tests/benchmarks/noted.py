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
    begun: Path | None = None

    @property
    def key(self) -> str:
        return str(self.seed)

    def run(self) -> Row:
        if self.begun is not None:
            self.note(self.begun)
        time.sleep(self.seconds)
        self.note(self.notes)
        return {"group": "even" if self.seed % 2 == 0 else "odd", "seed": self.seed}

    def note(self, path: Path) -> None:
        with path.open("a") as file:
            file.write(f"{self.seed}\n")

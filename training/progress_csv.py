"""``progress.csv``, which a resumed run goes on writing."""

import os
from pathlib import Path

from stable_baselines3.common.logger import CSVOutputFormat


class ProgressCsv(CSVOutputFormat):
    """SB3's CSV output, without its truncating of a file that is there already.

    :param path: the file
    :raises ValueError: if it is there, but no text
    """

    def __init__(self, path: Path) -> None:
        self.file = path.open("r+" if path.exists() else "w+")
        try:
            header = self.file.readline()
        except UnicodeDecodeError as error:
            self.file.close()
            raise ValueError(f"{path} must be text, or absent: {error}") from error
        self.keys = [key for key in header.strip().split(",") if key]
        self.file.seek(0, os.SEEK_END)
        self.separator = ","
        self.quotechar = '"'

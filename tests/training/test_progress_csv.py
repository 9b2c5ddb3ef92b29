"""The log of a run, and of its resumption."""

import csv
from pathlib import Path

from stable_baselines3.common.logger import Logger

from warmrl.training.progress_csv import ProgressCsv


def log(path: Path, *rows: dict[str, float]) -> None:
    logger = Logger(None, [ProgressCsv(path)])
    for row in rows:
        for key, value in row.items():
            logger.record(key, value)
        logger.dump()
    logger.close()


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_second_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "progress.csv"
    log(path, {"a": 1}, {"a": 2, "b": 3})
    first = path.read_text()
    log(path, {"b": 5, "a": 4})
    assert path.read_text().startswith(first)
    assert read(path) == [{"a": "1", "b": ""}, {"a": "2", "b": "3"}, {"a": "4", "b": "5"}]


def test_new_columns_come_last(tmp_path: Path) -> None:
    path = tmp_path / "progress.csv"
    log(path, {"a": 1})
    log(path, {"a": 2}, {"a": 3, "b": 4})
    assert read(path) == [{"a": "1", "b": ""}, {"a": "2", "b": ""}, {"a": "3", "b": "4"}]


def test_an_empty_file_is_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "progress.csv"
    path.touch()
    log(path, {"a": 1})
    assert read(path) == [{"a": "1"}]

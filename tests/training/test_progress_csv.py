"""The log of a run, and of its resumption."""

import csv
from pathlib import Path

from stable_baselines3.common.logger import Logger

from warmrl.training.progress_csv import ProgressCsv


def log(path: Path, *rows: dict[str, float], keep: int | None = None) -> None:
    logger = Logger(None, [ProgressCsv(path, keep)])
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


def test_rows_after_the_last_checkpoint_are_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "progress.csv"
    rows: list[dict[str, float]] = [{"a": 1}, {"a": 2, "b": 3}, {"a": 3, "b": 4}]
    log(path, *rows)
    whole = path.read_text()
    for keep in (0, 1, 2, 3):
        path.write_text(whole + "9,torn")
        log(path, *rows[keep:], keep=keep)
        assert path.read_text() == whole


def test_a_torn_row_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "progress.csv"
    path.write_text("a,b\n1,2\n3")
    log(path, {"a": 4, "b": 5})
    assert path.read_text() == "a,b\n1,2\n4,5\n"


def test_iterations_are_numbered_through(tmp_path: Path) -> None:
    path = tmp_path / "progress.csv"
    for keep in (0, 1, 2):
        log(path, {"time/iterations": 1}, keep=keep)
    assert [row["time/iterations"] for row in read(path)] == ["1", "2", "3"]


def test_columns_do_not_depend_on_the_order_of_sets(tmp_path: Path) -> None:
    path = tmp_path / "progress.csv"
    names = [f"name {i}" for i in range(20)]
    log(path, dict.fromkeys(reversed(names[:10]), 1), dict.fromkeys(reversed(names), 1))
    assert list(read(path)[0]) == sorted(names[:10]) + sorted(names[10:])

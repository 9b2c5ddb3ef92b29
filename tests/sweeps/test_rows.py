"""Rows of results: appended to a file, and read back."""

from pathlib import Path

from warmrl.sweeps.rows import append_row, grouped, read_rows


def test_a_torn_line_is_left_out_and_tears_no_other(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    assert read_rows(path) == []
    for number in range(2):
        append_row(path, {"number": number})
    path.write_text(path.read_text()[:-4])
    append_row(path, {"number": 2})
    assert read_rows(path) == [{"number": 0}, {"number": 2}]


def test_groups_are_in_the_order_of_their_first_rows() -> None:
    rows = [{"group": group, "seed": seed} for seed in (0, 1) for group in ("b", "a")]
    assert list(grouped(rows)) == ["b", "a"]
    assert [row["seed"] for row in grouped(rows)["a"]] == [0, 1]

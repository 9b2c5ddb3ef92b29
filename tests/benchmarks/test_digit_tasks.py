"""Digits: the files they come from, the orders they are read in, and the black behind them."""

import importlib.util
from pathlib import Path

import pytest
import torch
from torch import Tensor

from warmrl.benchmarks.digit_tasks import Digits, digits


def drawn(task: Digits, n: int = 50) -> tuple[Tensor, Tensor]:
    x, y = task.draw(n, torch.Generator().manual_seed(0))
    return (x * 255).round().long(), y


def test_pixels_one_by_one_then_black(mnist: Path) -> None:
    x, y = drawn(Digits(black=4, mnist=mnist))
    assert x.shape == (9 + 4, 50, 1)
    assert y.shape == (1, 50)
    assert sorted(x[0, :, 0].tolist()) == list(range(50))  # train and test set, each image once
    assert torch.equal(x[0, :, 0] % 10, y[0])
    assert torch.equal(x[1, :, 0], y[0])
    assert x[8].eq(255).all()
    assert not x[2:8].any()
    assert not x[9:].any()


def test_row_by_row(mnist: Path) -> None:
    task = Digits(rows=True, black=2, mnist=mnist)
    x, y = drawn(task, 5)
    assert task.n_inputs == 3
    assert x.shape == (3 + 2, 5, 3)
    assert torch.equal(x[0, :, 1], y[0])
    assert x[2, :, 2].eq(255).all()
    assert not x[3:].any()


def test_permuted_is_one_order_for_all(mnist: Path) -> None:
    plain, labels = drawn(Digits(black=0, mnist=mnist))
    permuted, same = drawn(Digits(permuted=True, black=0, mnist=mnist))
    assert torch.equal(labels, same)
    assert not torch.equal(plain, permuted)
    white = permuted[..., 0].eq(255).nonzero()[:, 0]
    assert len(set(white.tolist())) == 1
    assert torch.equal(plain.sort(dim=0).values, permuted.sort(dim=0).values)
    rows, _ = drawn(Digits(permuted=True, rows=True, black=0, mnist=mnist))
    assert torch.equal(rows.transpose(0, 1).flatten(1), permuted[..., 0].T)


def test_there_are_no_more_images_than_there_are(mnist: Path) -> None:
    assert drawn(Digits(mnist=mnist), 1000)[1].shape == (1, 50)


@pytest.mark.skipif(
    importlib.util.find_spec("sklearn") is None, reason="needs: pip install warmrl[supervised]"
)
def test_the_digits_of_scikit_learn() -> None:
    images, labels = digits(None)
    assert images.shape == (1797, 8, 8)
    assert (images.min().item(), images.max().item()) == (0, 1)
    assert torch.bincount(labels).min() > 170
    assert Digits().draw(3, torch.Generator().manual_seed(0)).inputs.shape == (200, 3, 1)


def test_without_scikit_learn_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"mnist=None must be .*'warmrl\[supervised\]'"):
        Digits()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\0\0\x0d\1\0\0\0\1\0\0\0\0", "must be an IDX file of bytes"),
        (b"\0\0\x08\1\0\0\0\5abcd", "holds 4 bytes; it must hold 5"),
    ],
)
def test_other_files(mnist: Path, content: bytes, message: str) -> None:
    (mnist / "t10k-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        digits(mnist)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte"):
        digits(tmp_path)

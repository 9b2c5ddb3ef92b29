"""Sentences under the table."""

import pytest

from warmrl.evaluation.certificate import Certificate
from warmrl.evaluation.table import certificate_sentence


@pytest.mark.parametrize(("length", "words"), [(1, "at rest"), (11, "cycle of 11 steps")])
def test_what_holds_is_said_in_words(length: int, words: str) -> None:
    certificate = Certificate(True, 2, length, 4995, "")
    assert certificate_sentence(certificate, "delay", "cpu") == (
        "certified: right for every delay from 2 on "
        f"({words}, found after 4 995 steps; batch size 1, float32, cpu)"
    )


def test_what_does_not_hold_is_said_with_its_reason() -> None:
    certificate = Certificate(False, None, None, 10, "wrong from 7 on")
    assert certificate_sentence(certificate, "length", "cuda") == (
        "not certified: wrong from 7 on (batch size 1, float32, cuda)"
    )

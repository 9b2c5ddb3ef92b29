"""Interquartile means over seeds, and their intervals."""

from warmrl.evaluation.interquartile import iqm, iqm_interval, with_interval


def test_the_interquartile_mean_leaves_out_a_quarter_at_each_end() -> None:
    values = [-100.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 1000.0]
    assert iqm(values) == 3.5
    low, high = iqm_interval(values)
    assert -100 < low < 3.5 < high < 1000
    assert iqm_interval(values) == (low, high)
    assert iqm_interval([2.0, 2.0]) == (2.0, 2.0)
    assert with_interval([0.25, 0.25]) == "0.25 [0.25, 0.25]"
    assert with_interval([0.25], digits=3) == "0.250 [0.250, 0.250]"

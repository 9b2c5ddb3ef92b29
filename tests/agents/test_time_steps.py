"""The packed layout of time loops, against torch's."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_sequence

from warmrl.agents.time_steps import states_at_end, states_before

any_lengths = st.lists(st.integers(1, 6), min_size=1, max_size=6)


@given(lengths=any_lengths)
def test_states_before_and_at_the_end_are_those_of_each_sequence(lengths: list[int]) -> None:
    lengths = sorted(lengths, reverse=True)
    tags = [torch.arange(1, n + 1) + 10 * i for i, n in enumerate(lengths)]
    packed = pack_sequence(tags)
    sizes: list[int] = packed.batch_sizes.tolist()
    first = 10 * torch.arange(len(lengths))
    assert torch.equal(states_before(first, packed.data, sizes), packed.data - 1)
    assert states_at_end(packed.data, sizes).tolist() == [int(tag[-1]) for tag in tags]

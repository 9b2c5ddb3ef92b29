"""The GRU's own gradient, in every use of its two results."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence

from warmrl.agents.kernels.gru import gru_loop

X, H = 3, 4


def randn(*shape: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("used", ["states", "last", "both"])
def test_gradients_are_torchs(used: str) -> None:
    gru = nn.GRU(X, H, dtype=torch.float64)
    packed = pack_sequence([randn(n, X, seed=n) for n in (7, 5, 5, 2, 1)])
    x, h = packed.data.requires_grad_(), randn(5, H).requires_grad_()
    wanted_out, wanted_last = gru(packed._replace(data=x), h[None])
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    inputs = [x, h, *(getattr(gru, name) for name in names)]
    out, last = gru_loop(x, h, packed.batch_sizes.tolist(), *inputs[2:])

    def gradients(out: Tensor, last: Tensor) -> tuple[Tensor, ...]:
        probes = {"states": [out], "last": [last], "both": [out, last]}[used]
        weights = [randn(*probe.shape, seed=5) for probe in probes]
        return torch.autograd.grad(probes, inputs, weights, retain_graph=True)

    wanted = gradients(wanted_out.data, wanted_last[0])
    for _ in range(2):  # a second pass finds what it needs unchanged
        for got, want in zip(gradients(out, last), wanted, strict=True):
            torch.testing.assert_close(got, want, rtol=0, atol=1e-12)

"""The LSTM's own gradient, in every use of its three results."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence

from warmrl.agents.kernels.lstm import lstm_loop

X, H = 3, 4


def randn(*shape: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("used", ["states", "h", "c", "all"])
def test_gradients_are_torchs(used: str) -> None:
    lstm = nn.LSTM(X, H, dtype=torch.float64)
    packed = pack_sequence([randn(n, X, seed=n) for n in (7, 5, 5, 2, 1)])
    x, h = packed.data.requires_grad_(), randn(5, H).requires_grad_()
    c = randn(5, H, seed=2).requires_grad_()
    want, (want_h, want_c) = lstm(packed._replace(data=x), (h[None], c[None]))
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    weights = [getattr(lstm, name) for name in names]
    results = lstm_loop(x, h, c, packed.batch_sizes.tolist(), *weights)

    def gradients(results: tuple[Tensor, ...]) -> tuple[Tensor | None, ...]:
        states, last_h, last_c = results
        probes = {"states": [states], "h": [last_h], "c": [last_c], "all": [*results]}[used]
        factors = [randn(*probe.shape, seed=5) for probe in probes]
        return torch.autograd.grad(probes, [x, h, c, *weights], factors, retain_graph=True)

    wanted = gradients((want.data, want_h[0], want_c[0]))
    for _ in range(2):  # a second pass finds what it needs unchanged
        for got, expected in zip(gradients(results), wanted, strict=True):
            torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)

"""Outside reinforcement learning: warm up a plain ``nn.GRU`` in a training loop of one's own.

The network reads noise and must give its first value at the end, as in "copy first input" of
Lambrechts et al. (2023)::

    python examples/own_training_loop.py
    python examples/own_training_loop.py --no-warm
"""

import torch
import tyro
from torch import Tensor, nn

from warmrl.warmup import Trajectories, warm_up


def streams(n: int, length: int, generator: torch.Generator) -> Tensor:
    """N(0, 1) noise [length, n, 1]."""
    return torch.randn(length, n, 1, generator=generator)


def main(n_updates: int = 500, length: int = 50, warm: bool = True) -> None:
    """Train on fresh streams.

    :param n_updates: gradient steps
    :param length: steps from the value to its copy
    :param warm: whether the network is warmed up first
    """
    torch.set_num_threads(1)
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    rnn, head = nn.GRU(1, 64), nn.Linear(64, 1)
    if warm:
        inputs = streams(256, length, generator)
        result = warm_up(rnn, Trajectories(inputs, torch.full((256,), length)))
        print(f"VAA {result.mean_vaa_before:.3f} -> {result.mean_vaa_after:.3f}")
    optimiser = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=1e-3)
    for update in range(1, n_updates + 1):
        x = streams(32, length, generator)
        out, _ = rnn(x)
        loss = nn.functional.mse_loss(head(out[-1]), x[0])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if update % 100 == 0 or update == n_updates:
            print(f"{update:5d}  mean square error {loss.item():.3f}")


if __name__ == "__main__":
    tyro.cli(main)

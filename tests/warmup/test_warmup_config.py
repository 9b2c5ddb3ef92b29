"""Settings of a warm-up: what they refuse, the paper's, and new drives."""

from dataclasses import asdict

import pytest
import torch
from torch import Tensor, nn

from warmrl.warmup import (
    ConsolidationConfig,
    LocalStabilityConfig,
    Trajectories,
    WarmupConfig,
    WarmupResult,
    warm_up,
)
from warmrl.warmup.drives import DRIVES, register_drive
from warmrl.warmup.networks import Network


def test_the_papers_settings() -> None:
    config = WarmupConfig.paper(seed=3)
    assert (config.drive, config.cut, config.max_grad_norm) == ("gaussian", "uniform", None)
    assert (config.n_steps, config.learning_rate, config.batch_size) == (100, 1e-2, 32)
    assert (config.max_drive_steps, config.drive_growth, config.target) == (200, 10, 0.95)
    assert (config.settle, config.margin, config.anneal) == (0.0, None, False)
    assert config.halvings == 0
    assert config.seed == 3


def test_the_settings_that_were_measured_are_the_defaults() -> None:
    """What docs/benchmarks.md was made with."""
    descent = {"drive": "frame", "n_steps": 200, "learning_rate": 1e-2, "anneal": False}
    descent |= {"batch_size": 32, "max_grad_norm": 1.0, "partial": True, "cut": "log_uniform"}
    descent |= {"beta2": 0.999, "eps": 1e-4, "vaa_states": 200, "vaa_steps": 200, "seed": 0}
    own = {"max_drive_steps": 200, "drive_growth": 1, "target": 0.95, "margin": 1.0, "settle": 10.0}
    own |= {"halvings": 2}
    assert asdict(WarmupConfig()) == descent | own
    radii = {"time_radius": 1.0, "depth_radius": 1.0}
    assert asdict(LocalStabilityConfig()) == descent | radii
    rest = {"n_rounds": 12, "n_steps": 30, "flow_steps": 25, "flow_growth": 1.7, "n_states": 64}
    rest |= {"max_slip": 0.25, "rest_speed": 1e-6, "learning_rate": 1e-3, "anchor": 1.0}
    rest |= {"batch_size": 128, "noise": 0.2, "max_hold_steps": 40, "max_drift_steps": 50}
    rest |= {"max_grad_norm": 1.0, "seed": 0, "rehearsal": 1.0, "n_followed": 8}
    rest |= {"max_change": 0.5, "max_lost": 0.05, "stretch_steps": 100, "n_stretch_rounds": 30}
    rest |= {"look_steps": 30_000, "n_restarts": 2, "min_idle": 0.5}
    assert asdict(ConsolidationConfig()) == rest


def test_the_smallest_settings_are_settings() -> None:
    WarmupConfig(n_steps=1, batch_size=2, vaa_states=1, vaa_steps=1, max_drive_steps=1, halvings=0)
    ConsolidationConfig(n_steps=1, batch_size=1, max_hold_steps=1, max_drift_steps=0, noise=0)
    ConsolidationConfig(max_lost=0, stretch_steps=1, n_stretch_rounds=0)


def test_a_new_drive_is_available_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warmrl.warmup.drives.DRIVES", DRIVES)
    asked = []

    @register_drive("silence")
    def silence(network: Network, n_steps: int, generator: torch.Generator) -> list[Tensor]:
        asked.append(n_steps)
        return [torch.zeros(n_steps, layer.input_size) for layer in network.layers]

    try:
        config = WarmupConfig(
            "silence", n_steps=40, drive_growth=2, max_drive_steps=20, vaa_steps=1
        )
        trajectories = Trajectories(
            torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0)), torch.full((4,), 3)
        )
        warm_up(nn.GRU(2, 4), trajectories, config)
    finally:
        del DRIVES["silence"]
    drives = asked[1:-1]  # the first and the last are the measurements
    assert len(drives) == 40
    assert all(1 <= m <= min(1 + 2 * k, 20) for k, m in enumerate(drives))
    assert max(drives) > 10


def test_means_of_the_result() -> None:
    result = WarmupResult([0.1], {"a": 0.1, "b": 0.3}, {"a": 1.0, "b": 0.5}, 0.01, [0.5])
    assert result.mean_vaa_before == pytest.approx(0.2)
    assert result.mean_vaa_after == pytest.approx(0.75)
    assert result.n_steps == 1

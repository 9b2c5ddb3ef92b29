"""Warm-ups that cannot be: settings, trajectories, rollouts and measures."""

from typing import Any

import numpy as np
import torch
from torch import nn

from warmrl.envs import MemoryEnv, TMaze
from warmrl.tests.mistakes.wrong import Wrong, check, each
from warmrl.warmup import (
    Trajectories,
    WarmupConfig,
    random_rollouts,
    vaa,
    vaa_star,
    warm_up,
)

NAN, INF = float("nan"), float("inf")
some: Any = "wrong"  # of a type that the annotations refuse
ZEROS = torch.zeros(2, 3)


def config(**settings: Any) -> WarmupConfig:
    return WarmupConfig(**settings)


def rollouts(*arguments: Any, **keywords: Any) -> Trajectories:
    return random_rollouts(MemoryEnv(TMaze(3)), *arguments, **keywords)


def noise() -> Trajectories:
    return Trajectories(torch.rand(3, 4, 5), torch.full((4,), 3))


@each(
    Wrong(lambda: config(drive="noise"), "drive='noise' must be one of frame, gaussian, rollout"),
    Wrong(lambda: config(drive=["frame"]), "drive=['frame'] must be one of frame, gaussian"),
    Wrong(lambda: config(cut="middle"), "cut='middle' must be one of log_uniform, uniform"),
    Wrong(lambda: config(n_steps=0), "n_steps=0 must be at least 1"),
    Wrong(lambda: config(n_steps=2.5), "n_steps=2.5 must be an int of at least 1", TypeError),
    Wrong(lambda: config(batch_size=1), "batch_size=1 must be at least 2"),
    Wrong(lambda: config(max_drive_steps=0), "max_drive_steps=0 must be at least 1"),
    Wrong(lambda: config(drive_growth=-1), "drive_growth=-1 must be at least 0"),
    Wrong(lambda: config(learning_rate=0.0), "learning_rate=0.0 must be a positive number"),
    Wrong(lambda: config(learning_rate=NAN), "learning_rate=nan must be a positive number"),
    Wrong(lambda: config(beta2=1.0), "beta2=1.0 must be below 1"),
    Wrong(lambda: config(beta2=-0.1), "beta2=-0.1 must be a number of at least 0"),
    Wrong(lambda: config(halvings=-1), "halvings=-1 must be at least 0"),
    Wrong(lambda: config(max_grad_norm=-1.0), "max_grad_norm=-1.0 must be a positive number"),
    Wrong(lambda: config(target=1.5), "target=1.5 must be at most 1"),
    Wrong(lambda: config(target=NAN), "target=nan must be a positive number"),
    Wrong(lambda: config(eps=0.0), "eps=0.0 must be a positive number"),
    Wrong(lambda: config(margin=1e-4), "margin=0.0001 must be above eps=0.0001"),
    Wrong(lambda: config(margin=INF), "margin=inf must be a positive number"),
    Wrong(lambda: config(vaa_states=0), "vaa_states=0 must be at least 1"),
    Wrong(lambda: config(vaa_steps=some), "vaa_steps='wrong' must be an int", TypeError),
    Wrong(lambda: config(seed=-1), "seed=-1 must be at least 0"),
    Wrong(lambda: config(seed=1.5), "seed=1.5 must be an int of at least 0", TypeError),
    Wrong(lambda: config(settle=-0.5), "settle=-0.5 must be a number of at least 0"),
    Wrong(lambda: config(settle=NAN), "settle=nan must be a number of at least 0"),
    Wrong(lambda: config(partial=some), "partial='wrong' must be True or False", TypeError),
    Wrong(lambda: config(wheels=1), "argument 'wheels'", TypeError),
)
def test_settings(wrong: Wrong) -> None:
    check(wrong)


@each(
    Wrong(lambda: warm_up(nn.Linear(5, 5), noise()), "Linear has no recurrent layer", TypeError),
    Wrong(lambda: warm_up(None, noise()), "NoneType has no recurrent layer", TypeError),
    Wrong(lambda: warm_up(nn.GRU(5, 4), ZEROS), "trajectories is of type Tensor", TypeError),  # type: ignore[arg-type]
    Wrong(lambda: warm_up(nn.GRU(5, 4), None), "trajectories is of type NoneType", TypeError),  # type: ignore[arg-type]
    Wrong(lambda: warm_up(nn.GRU(5, 4), noise(), some), "config is of type str; it mu", TypeError),
    Wrong(
        lambda: Trajectories(some, torch.ones(1).long()), "inputs of type str must be", TypeError
    ),
    Wrong(lambda: Trajectories(ZEROS[None], some), "lengths of type str must be a ten", TypeError),
    Wrong(
        lambda: Trajectories(ZEROS[None], torch.tensor([1, -1])), "lengths[1]=-1 must be in 1..1"
    ),
    Wrong(lambda: random_rollouts(some, 3), "env is a str; it must be a gymnasium Env", TypeError),
    Wrong(lambda: rollouts(0), "n_episodes=0 must be at least 1"),
    Wrong(lambda: rollouts(2.5), "n_episodes=2.5 must be an int of at least 1", TypeError),
    Wrong(lambda: rollouts(None), "n_episodes=None must be an int of at least 1", TypeError),
    Wrong(lambda: rollouts(3, max_steps=0), "max_steps=0 must be at least 1"),
    Wrong(lambda: rollouts(3, seed=-1), "seed=-1 must be at least 0"),
    Wrong(lambda: rollouts(3, seed=some), "seed='wrong' must be an int", TypeError),
    Wrong(lambda: rollouts(3, policy="uniform"), "policy='uniform' must be prob", TypeError),
    Wrong(lambda: rollouts(3, policy=3), "policy=3 must be probabilities", TypeError),
    Wrong(lambda: rollouts(3, policy=(0.5, 0.5)), "must be 4 probabilities, one per action"),
)
def test_warm_up_and_what_it_reads(wrong: Wrong) -> None:
    check(wrong)


@each(
    Wrong(lambda: vaa(torch.zeros(3)), "states has shape (3,); it must be"),
    Wrong(lambda: vaa(torch.zeros(2, 3, 4)), "states has shape (2, 3, 4); it must be [N, D]"),
    Wrong(lambda: vaa(torch.zeros(0, 3)), "it must hold at least one state"),
    Wrong(lambda: vaa(ZEROS, 0.0), "eps=0.0 must be a positive number"),
    Wrong(lambda: vaa(ZEROS, NAN), "eps=nan must be a positive number"),
    Wrong(lambda: vaa(ZEROS, some), "eps='wrong' must be a positive number", TypeError),
    Wrong(lambda: vaa(ZEROS + NAN), "states holds NaN or infinite values; it must be finite"),
    Wrong(lambda: vaa(np.zeros((2, 3))), "states is of type ndarray; it must be Te", TypeError),  # type: ignore[arg-type]
    Wrong(lambda: vaa(ZEROS.long()), "states is of type torch.int64; it must be", TypeError),
    Wrong(lambda: vaa_star(torch.zeros(3)), "states has shape (3,); it must be [..., N, D]"),
    Wrong(lambda: vaa_star(ZEROS, eps=-1), "eps=-1 must be a positive number"),
    Wrong(lambda: vaa_star(ZEROS, 0.1, margin=0.1), "margin=0.1 must be above eps=0.1"),
    Wrong(lambda: vaa_star(ZEROS, margin=NAN), "margin=nan must be above eps=0.0001"),
    Wrong(lambda: vaa_star(some), "states is of type str; it must be Tensor", TypeError),
)
def test_measures(wrong: Wrong) -> None:
    check(wrong)

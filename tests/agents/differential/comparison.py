"""Ours against upstream's algorithm in one configuration."""

from dataclasses import replace
from typing import Any

import numpy as np
import sb3_contrib

from .acting import check_agent, check_evaluation, check_predict
from .agreement import raised_by_ours, refuses, same
from .algorithms import ALGORITHMS
from .configuration import ACTIONS, ROUNDED, Configuration
from .overrides import patched
from .playing import FIELDS, Played, play


def check(config: Configuration) -> None:
    """Hold ours to upstream: rollouts, what is left behind, one update, and acting afterwards.

    Where upstream stops with an error, ours may stop with the same one, refuse in one line, or do
    what upstream does in the usual types.

    :raises AssertionError: where they differ
    """
    with patched(config.override):
        _check(config)


def _check(config: Configuration) -> None:
    truth = replace(config, plain=config.rewards in ROUNDED)
    theirs = play(sb3_contrib.RecurrentPPO, truth)
    stopped = theirs.error
    if stopped is not None and raised_by_ours(stopped) and not refuses(stopped):
        raise stopped
    usual = replace(
        truth,
        flags="bool",
        sights="as they are" if truth.sights == "list" else truth.sights,
        rewards=truth.rewards if truth.plain else "float32",
    )
    if stopped is not None and usual != truth:
        theirs = play(sb3_contrib.RecurrentPPO, usual)
    ours = play(ALGORITHMS[config.algorithm], config, reward_scale=1.0)
    if ours.error is not None:
        single = config.normalize_advantage and config.n_steps * config.n_envs == 1
        excused = stopped is not None or single or _counts_from_elsewhere(config)
        if type(ours.error) is type(stopped) or (excused and refuses(ours.error)):
            return
        raise ours.error
    assert _is_finite(ours) or not _is_finite(theirs), "weights are not finite"
    if theirs.error is None:
        _compare(ours, theirs, config)
        if _is_finite(theirs):
            check_evaluation(theirs.model.policy, theirs.model.rollout_buffer, config)
    check_predict(ours.model.policy, config)
    check_agent(ours.model.policy, config)


def _counts_from_elsewhere(config: Configuration) -> bool:
    """Whether actions are not counted from 0, which upstream passes over."""
    return bool(np.any(getattr(ACTIONS[config.actions], "start", 0)))


def _is_finite(played: Played) -> bool:
    if played.error is not None:
        return True
    return all(weight.isfinite().all() for weight in played.model.policy.state_dict().values())


def _compare(ours: Played, theirs: Played, config: Configuration) -> None:
    """Everything that callbacks, environments and the model itself can see."""
    for i, (a, b) in enumerate(zip(ours.recorder.steps, theirs.recorder.steps, strict=True)):
        lacking = sorted(set(b) - set(a))
        assert not lacking, f"self.locals lacks {lacking}"
        for name in b:
            same(f"step {i}: {name}", a[name], b[name])
    pairs = zip(ours.recorder.rollouts, theirs.recorder.rollouts, strict=True)
    for i, (a, b) in enumerate(pairs):
        for name in b:
            if config.callback == "replaces advantages" and name in FIELDS[1:]:
                a[name], b[name] = (part[name].astype(np.float32) for part in (a, b))
            same(f"rollout {i}: {name}", a[name], b[name])
    _compare_actions(ours, theirs, config)
    for name in ("num_timesteps", "_last_obs", "_last_lstm_states"):
        same(name, getattr(ours.model, name), getattr(theirs.model, name))
    a, b = (np.array(played.model._last_episode_starts, bool) for played in (ours, theirs))
    same("_last_episode_starts", a, b)
    for name in ("ep_info_buffer", "ep_success_buffer"):
        same(name, list(getattr(ours.model, name)), list(getattr(theirs.model, name)))
    if config.whole_batch and not config.dropout:
        _compare_update(ours, theirs, config)


def _compare_actions(ours: Played, theirs: Played, config: Configuration) -> None:
    """What the environments were given, which count actions from their space's start."""
    space: Any = ACTIONS[config.actions]
    start = getattr(space, "start", 0)
    for (i, a), (j, b) in zip(ours.log, theirs.log, strict=True):
        assert i == j
        if config.sde == "squashed":  # upstream clips them unscaled, unlike all of SB3
            assert space.contains(np.asarray(a, space.dtype)), f"{a} is outside {space}"
        else:
            same("action of an environment", np.asarray(a - start), np.asarray(b))


def _compare_update(ours: Played, theirs: Played, config: Configuration) -> None:
    """Losses, gradients, and the weights after one step of gradient descent."""
    same("_n_updates", ours.model._n_updates, theirs.model._n_updates)
    a, b = (
        {k: v for k, v in played.model.logger.name_to_value.items() if k.startswith("train/")}
        for played in (ours, theirs)
    )
    same("log", a, b, rtol=1e-3, atol=1e-4)
    named = dict(ours.model.policy.named_parameters())
    wanted = dict(theirs.model.policy.named_parameters())
    gradients = {name: p.grad for name, p in wanted.items() if p.grad is not None}
    largest = max((grad.abs().max().item() for grad in gradients.values()), default=0.0)
    for name, grad in gradients.items():
        assert named[name].grad is not None, f"{name} has no gradient"
        same(f"gradient of {name}", named[name].grad, grad, 1e-3, 1e-4 * largest + 2e-5)
    if config.optimizer == "SGD":
        for name, parameter in wanted.items():
            same(f"weights {name}", named[name].detach(), parameter.detach())

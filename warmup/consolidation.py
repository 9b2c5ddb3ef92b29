"""Consolidation: the states in which a trained policy waits become attractors."""

import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from ..checks import check_integer
from .anchor import Begun
from .consolidation_config import ConsolidationConfig, ConsolidationResult
from .divergence import restorer, with_smaller_steps
from .greedy_judge import GreedyJudge
from .judging import Episodes, Judge, worse
from .modes import training_mode
from .sequels import Played
from .settling import Settling
from .waits import Waiting, at, joined, same


class Kept(NamedTuple):
    """What is kept of a rollout."""

    waiting: Waiting
    """its moments in which nothing new was seen"""
    begun: Begun
    """what there was before it"""
    played: Played
    """its steps"""


class ConsolidationCallback(BaseCallback):
    """Make the states in which a recurrent policy waits attractors, when its training ends.

    A warm-up makes attractors before training; learning then shifts states and weights, and what
    was learned on short delays may drift away on long ones. It takes the states in which waits of
    the last rollout ended, those at least half as long as is usual there. In each round it holds
    their inputs to see where the states are led, for longer from round to round: that becomes the
    goal of each, unless it slips away or other actions follow it, and a descent on
    :func:`rest_loss` draws noisy states, of the goals and of the ends of the ways there, to their
    goals, until all are at rest. Behaviour is rehearsed: after these longer waits the actions that
    followed the real ones shall be as likely as before, in the mean square change of their
    log-probabilities. Where other actions follow if waits are but longer, and what is remembered
    thus is not held at all, episodes with longer and longer waits are rehearsed first, and between
    the rounds: in them, and after them, the agent shall act as it did; so it begins again if that
    is found in the end. An anchor holds the rest of it: the same of all actions of that rollout.
    Only the parameters of the recurrent layers change. It works with sb3-contrib's
    ``RecurrentPPO`` too, and until training ends it changes nothing at all, no random stream
    either.

    It never leaves an agent worse than it was. Where most of the waits are not idle, since other
    actions would follow them if they were but one step longer, nothing is done. And the agent plays
    the same episodes greedily before and after: if it has become worse (:func:`worse`), all
    weights are put back, to the bit. The optimiser is not touched in any case.

    Logged, and in ``result`` when training has ended: how many waits are lost if they are longer,
    success and mean return, each before and after it; and whether it was taken back.

    :param config: settings
    :param watch: which elements of an observation, flattened, tell whether anything new is seen;
        leave out previous actions and rewards
    :param when: whether to consolidate if training ended now, asked at every step; always, if
        absent
    :param eval_env: where the agent is judged: an SB3 ``VecEnv``, a Gymnasium environment, or a
        function that makes one. By default it is the training environments, see
        :class:`GreedyJudge`; if they cannot be played (a warning says why), nothing is consolidated
    :param n_eval_episodes: how many episodes it plays, at most
    :param judge: judges in another way: a function of the model that returns the
        :class:`Episodes` which that plays, the same whenever it is called
    :raises ValueError: if there are both ``judge`` and ``eval_env``, or no episodes
    :raises FloatingPointError: when training ends, if loss or gradient become NaN or infinite, also
        with a hundredth of the step size; the parameters are then those from before
    """

    def __init__(
        self,
        config: ConsolidationConfig | None = None,
        watch: slice = slice(None),
        when: Callable[[], bool] | None = None,
        eval_env: VecEnv | gymnasium.Env[Any, Any] | Callable[[], Any] | None = None,
        n_eval_episodes: int = 200,
        judge: Judge | None = None,
    ) -> None:
        super().__init__()
        if judge is not None and eval_env is not None:
            raise ValueError(
                "judge and eval_env exclude each other; the judge plays where it likes"
            )
        self.n_eval_episodes = check_integer("n_eval_episodes", n_eval_episodes, 1)
        self.eval_env, self.judge = eval_env, judge
        self.config = config or ConsolidationConfig()
        self.watch = watch
        self.when = when
        self.result: ConsolidationResult | None = None
        """what came of it, ``None`` as long as there has been none"""
        self._moments: list[Waiting] = []
        self._played = Played([], [], [])
        self._begun: Begun | None = None
        self._wait = np.zeros(0, np.int64)
        self._last: Kept | None = None
        """what the last rollout left"""

    def _init_callback(self) -> None:
        if self.eval_env is not None:
            GreedyJudge(self.eval_env).check(self.model)

    def _on_training_start(self) -> None:
        self.result = None
        self._wait = np.arange(self.training_env.num_envs)
        self._last = None

    def _on_rollout_start(self) -> None:
        self._moments = []
        self._played = Played([], [], [])
        self._begun = None

    def _on_step(self) -> bool:
        if self.when is not None and not self.when():
            self._wait = self._wait + len(self._wait)  # whatever it was, it is another one now
            self._on_rollout_start()  # what is kept has no gaps
            return True
        model: Any = self.model
        new, last = _arrays(self.locals["new_obs"]), _arrays(model._last_obs)
        dones = np.asarray(_arrays(self.locals["dones"]), dtype=np.bool_)
        if self._begun is None:
            starts = np.asarray(_arrays(model._last_episode_starts), dtype=np.bool_)
            self._begun = deepcopy(Begun(last, starts, model._last_lstm_states))
        waits = ~dones & same(new, last, self.watch)
        self._wait = self._wait + ~waits * len(waits)
        step = np.full(len(waits), len(self._played.dones))
        taken = (new, _arrays(self.locals["actions"]), dones)
        for kept, value in zip(self._played, taken, strict=True):
            kept.append(deepcopy(value))  # environments may use the same arrays again
        if waits.any():
            states = self.locals["lstm_states"]
            all_envs = Waiting(new, states.pi, states.vf, self._wait, step)
            self._moments.append(at(all_envs, np.flatnonzero(waits)))
        return True

    def _on_rollout_end(self) -> None:
        self._last = None
        if self._moments and self._begun is not None:
            self._last = Kept(joined(self._moments), self._begun, self._played)

    def _on_training_end(self) -> None:
        last, self._last = self._last, None
        if last is None or (self.when is not None and not self.when()):
            return
        with training_mode(self.model.policy, False):
            result = self.result = self._consolidated(last)
        if result is not None:
            self._log(result)

    def _consolidated(self, kept: Kept) -> ConsolidationResult | None:
        """Consolidate if there is anything to it, and take it back if that makes the agent worse.

        :return: what came of it; ``None`` if the agent cannot be judged
        """
        settling = self._settling(kept)
        lost = 1 - settling.n_idle() / settling.n_waits
        if 1 - lost < self.config.min_idle:
            rate = self.config.learning_rate
            return ConsolidationResult(0.0, settling.n_waits, lost, lost, False, rate, idle=False)
        policy, judge = self.model.policy, self._judge()
        before = judge(self.model)
        if before is None:
            return None
        if not np.isfinite(before.returns).all():
            _cannot_judge("the agent's returns are NaN or infinite")
            return None
        put_back = restorer([*policy.parameters(), *policy.buffers()])
        looked_at = [settling]

        def descend(learning_rate: float) -> ConsolidationResult:
            return (looked_at.pop() if looked_at else self._settling(kept)).run(learning_rate)

        result = with_smaller_steps(descend, self.config.learning_rate)
        taken_back = True
        try:
            after = judge(self.model)
            taken_back = after is None or worse(before, after)
        finally:
            if taken_back:
                put_back()
        if after is None:
            return None
        return replace(result, before=before.score, after=after.score, taken_back=taken_back)

    def _settling(self, kept: Kept) -> Settling:
        model: Any = self.model
        return Settling(model.policy, self.config, *kept, model.batch_size)

    def _judge(self) -> Callable[[Any], Episodes | None]:
        """How the agent is judged; it gives nothing if the training environments cannot be played.

        What they raise is theirs. It must not cost the training that they have been through.
        """
        if self.judge is not None:
            return self.judge
        play = GreedyJudge(self.eval_env, self.n_eval_episodes)
        if self.eval_env is not None:
            return play

        def attempt(model: Any) -> Episodes | None:
            try:
                return play(model)
            except Exception as error:
                reason = f"{type(error).__name__}: {error}" if str(error) else repr(error)
                _cannot_judge(
                    f"the training environments cannot be played after training ({reason}); give "
                    "eval_env, or a judge"
                )
                return None

        return attempt

    def _log(self, result: ConsolidationResult) -> None:
        """Log what came of it; after training nobody else does."""
        values: dict[str, Any] = {
            "loss": result.loss,
            "lost_before": result.lost_before,
            "lost_after": result.lost_after,
            "idle": result.idle,
            "taken_back": result.taken_back,
        }
        for when, score in (("before", result.before), ("after", result.after)):
            if score is not None:
                values[f"return_{when}"] = score.mean_return
                if score.success is not None:
                    values[f"success_{when}"] = score.success
        for name, value in values.items():
            self.logger.record(f"consolidation/{name}", float(value))
        steps = self.model.num_timesteps
        self.logger.record("time/total_timesteps", steps, exclude="tensorboard")
        self.logger.dump(steps)


def _cannot_judge(reason: str) -> None:
    warnings.warn(f"not consolidated: {reason}", stacklevel=2)


def _arrays(values: Any) -> Any:
    """NumPy arrays of what may be tensors on a device, or lists."""
    if isinstance(values, dict):
        return values
    return values.cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)

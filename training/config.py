"""The configuration of a run, checked as a whole before anything is built."""

import dataclasses
import importlib.util
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import tyro

from ..agents import CELLS, INITIALISERS
from ..checks import (
    check_choice,
    check_flag,
    check_integer,
    check_kind,
    check_number,
    check_positive,
)
from ..command_line import Delays
from ..envs import TASKS
from ..envs.packages import wrapper_paths
from ..evaluation.sweep import MAX_SECONDS
from ..warmup import ConsolidationConfig, LocalStabilityConfig, WarmupConfig
from ..warmup.drives import DRIVES

STABILITY = "stability"
WARMUPS = ("none", *DRIVES, STABILITY)

PLACES = ("run_dir", "resume", "config")  # where a run was, which is no setting of another
CHANGEABLE = (
    *("total_timesteps", "stop_when_solved", "solved_rollouts", "checkpoint_rollouts"),
    *("device", "threads", "tensorboard", "eval_delays", "eval_episodes"),
    "eval_max_seconds",
)
"""what may change when a run is resumed"""

# How the command line shows the fields whose types say too little or too much.
Cell: TypeAlias = Annotated[str, tyro.conf.arg(metavar="|".join(CELLS))]
Init: TypeAlias = Annotated[str, tyro.conf.arg(metavar="|".join(INITIALISERS))]
Warmup: TypeAlias = Annotated[str, tyro.conf.arg(metavar="|".join(WARMUPS))]
Delay: TypeAlias = Annotated[
    tuple[int, ...] | None, tyro.conf.arg(metavar="N [N]", help_behavior_hint="")
]
Wrappers: TypeAlias = Annotated[
    tuple[str, ...], tyro.conf.arg(metavar="PATH ...", help_behavior_hint="")
]
Pairs: TypeAlias = Annotated[
    dict[str, str | float], tyro.conf.arg(metavar="NAME VALUE ...", help_behavior_hint="")
]
Choice: TypeAlias = Annotated[
    bool | None, tyro.conf.arg(metavar="True|False", help_behavior_hint="")
]
Number: TypeAlias = Annotated[float | None, tyro.conf.arg(metavar="FLOAT", help_behavior_hint="")]
Source: TypeAlias = Annotated[Path | None, tyro.conf.arg(metavar="DIR|JSON", help_behavior_hint="")]
Folder: TypeAlias = Annotated[Path | None, tyro.conf.arg(metavar="DIR", help_behavior_hint="")]


@dataclass
class TrainConfig:
    """Train an agent that remembers, and evaluate it on delays that it never saw.

    - Its network is warmed up, then PPO trains it until the task is solved.
    - Without arguments, that is the T-maze of length 20. Examples:
      python train.py --cell lstm --seed 1
      python train.py --length 5 20 --env-kwargs stochasticity 0.3
      python train.py --env warmrl/CopyFirst-v0 --delay 1 20 --env-kwargs n_cues 2
      python train.py --env CartPole-v1 --n-envs 8 --total-timesteps 200000
      python train.py --config runs/TMaze-v0-gru-frame-0 --seed 1
      python train.py --resume runs/TMaze-v0-gru-frame-0 --total-timesteps 4000000
    """

    env: str = "warmrl/TMaze-v0"
    """Environment: one of docs/environments.md, or any other id of Gymnasium.
    As module:id, the module that registers it is imported first."""
    length: Delay = None
    """Length of a maze's corridor (the environment's default): one number, or two for a range."""
    delay: Delay = None
    """Delay of a recall task in steps (the environment's default): one number, or two."""
    env_kwargs: Pairs = field(default_factory=dict)
    """Other arguments of the environment, for example: stochasticity 0.3"""
    env_wrapper: Wrappers = ()
    """Import paths of Gymnasium wrappers around another package's environment, innermost first.
    For example: minigrid.wrappers.OneHotPartialObsWrapper"""
    n_envs: int = 32
    """Environments stepped in parallel."""

    cell: Cell = "gru"
    """Recurrent cell."""
    double: bool = True
    """Double layers: two half-width cells side by side, of which only the first is warmed up."""
    init: Init = "default"
    """Initial weights of the recurrent layers, before any warm-up."""
    hidden_size: int = 64
    """Width of a recurrent layer."""
    n_layers: int = 1
    """Recurrent layers."""
    skip: Choice = None
    """Whether actor and critic see the observation beside the memory (with lstm cells they do)."""
    critic: Literal["shared", "separate"] = "shared"
    """Whether the critic shares the actor's recurrent layers or has its own."""

    warmup: Warmup = "frame"
    """What drives the states in the warm-up before training:
    frame, a real input held constant;
    rollout, a stretch of random rollouts;
    gaussian, a constant N(0, I) input, as published;
    stability, for pre-training to local stability instead;
    none, for no warm-up."""
    warmup_steps: int = 100
    """Gradient steps of the warm-up."""
    stability_radius: float = 1.0
    """Radius of the Jacobians in time and depth that local stability aims at: 1, or 0.5."""
    warmup_episodes: int = 256
    """Episodes of the exploration policy that the warm-up sees."""
    warmup_episode_steps: int = 1000
    """Steps after which those episodes are cut."""

    total_timesteps: int = 2_000_000
    """Environment steps, at most."""
    stop_when_solved: bool = True
    """Stop a while after the success rate has reached 0.99, if the environment reports one."""
    solved_rollouts: int = 10
    """Rollouts of that while; below 0.95 the task counts as not solved any more."""
    anneal_when_solved: bool = False
    """Whether the step size falls to zero over that while, if there is one."""
    consolidate: bool = True
    """Whether, once solved, the states in which the agent waits are made attractors at the end."""
    consolidation_noise: float = 0.2
    """Noise on those states that has to die away; less where many memories crowd a network."""
    consolidation_states: int = 64
    """How many of those states are looked at, at most."""
    consolidation_rate: float = 1e-3
    """Step size of Adam meanwhile."""
    consolidation_hold: int = 40
    """Steps for which what is seen in them is held, at most; more costs time and holds better."""
    learning_rate: float = 2e-3
    """Step size of Adam."""
    n_steps: int = 128
    """Steps of each environment per rollout; gradients reach back no further."""
    n_epochs: int = 4
    """Passes over each rollout."""
    n_minibatches: int = 4
    """Minibatches per pass."""
    gamma: float = 0.98
    """Discount factor."""
    gae_lambda: float = 0.95
    """Lambda of generalised advantage estimation."""
    clip_range: float = 0.2
    """Clipping of the policy ratio."""
    ent_coef: float = 0.01
    """Weight of the entropy bonus."""
    normalize_advantage: bool = True
    """Whether each minibatch's advantages are brought to unit deviation, however small they are."""
    reward_scale: Number = None
    """Factor on the rewards learned from (one over the optimal return, if known)."""

    seed: int = 0
    """Seed of everything random: the same seed gives the same agent."""
    device: str = "cpu"
    """Where the network runs: cpu, cuda or auto."""
    threads: int = 1
    """Threads of torch on the CPU; networks this small seldom gain from more."""
    run_dir: Folder = None
    """Folder of the run, a new one (runs/ENVIRONMENT-CELL-WARMUP-SEED)."""
    config: Source = None
    """Start with the settings of this run folder, or JSON file; other flags win.
    With another --env, the old one's arguments and delays are not taken."""
    resume: Folder = None
    """Go on with the run in this folder, as it was set, up to --total-timesteps: to the very bits
    that it would have come to uninterrupted, if it is on one of our environments."""
    checkpoint_rollouts: int = 10
    """Rollouts from one checkpoint to the next; there is one at the end and on Ctrl-C as well."""
    tensorboard: bool = False
    """Also log for TensorBoard (needs the extra "tensorboard")."""
    eval_delays: Delays = None
    """Delays evaluated after training (the longest trained on, times 1, 10, 100 and 1000)."""
    eval_episodes: int = 100
    """Episodes at each of them."""
    eval_max_seconds: float = MAX_SECONDS
    """Environments without a delay: seconds after which what has not ended is cut off."""

    def __post_init__(self) -> None:
        at_least_one = (
            *("n_envs", "hidden_size", "n_layers", "threads"),
            *("warmup_steps", "warmup_episodes", "warmup_episode_steps"),
            *("total_timesteps", "n_steps", "n_epochs", "n_minibatches", "eval_episodes"),
            *("checkpoint_rollouts", "consolidation_states", "consolidation_hold"),
        )
        for name in at_least_one:
            check_integer(name, getattr(self, name), 1)
        for name in ("seed", "solved_rollouts"):
            check_integer(name, getattr(self, name), 0)
        for name in ("ent_coef", "consolidation_noise"):
            check_number(name, getattr(self, name), 0)
        for name in ("gamma", "gae_lambda"):
            check_number(name, getattr(self, name), 0, 1)
        for name in (
            *("learning_rate", "consolidation_rate", "clip_range", "stability_radius"),
            "eval_max_seconds",
        ):
            check_positive(name, getattr(self, name))
        if self.reward_scale is not None:
            check_positive("reward_scale", self.reward_scale)
        for name in (
            *("double", "stop_when_solved", "anneal_when_solved", "consolidate"),
            *("normalize_advantage", "tensorboard"),
        ):
            check_flag(name, getattr(self, name))
        if self.skip is not None:
            check_flag("skip", self.skip)
        for name in ("env", "device"):
            check_kind(name, getattr(self, name), str)
        for name, known in (("cell", CELLS), ("init", INITIALISERS), ("warmup", WARMUPS)):
            check_choice(name, getattr(self, name), known)
        check_choice("critic", self.critic, ("shared", "separate"))
        wide = self.hidden_size >= 2 or not self.double
        _require(self, "hidden_size", wide, "at least 2 in a double layer")
        check_kind("env_kwargs", self.env_kwargs, dict)
        wrapper_paths(self.env_wrapper)
        for name in ("length", "delay", "eval_delays"):
            if getattr(self, name) is not None:
                check_kind(name, getattr(self, name), tuple)
        for name in ("length", "delay"):
            value = getattr(self, name)
            _require(self, name, value is None or len(value) in (1, 2), "one number, or two")
        for name in ("length", "delay", "eval_delays"):
            for value in getattr(self, name) or ():
                check_integer(name, value, 1)
        found = not self.tensorboard or importlib.util.find_spec("tensorboard") is not None
        _require(self, "tensorboard", found, "False without: pip install 'warmrl[tensorboard]'")
        if self.n_envs * self.n_steps < 2 * self.n_minibatches:
            raise ValueError(
                f"n_minibatches={self.n_minibatches} must leave two steps or more in each of them; "
                f"a rollout has n_envs * n_steps = {self.n_envs * self.n_steps}"
            )

    @property
    def env_arguments(self) -> dict[str, Any]:
        """Arguments of the environment, parsed.

        :raises ValueError: if a delay does not belong to the environment
        """
        arguments = {name.replace("-", "_"): _parse(v) for name, v in self.env_kwargs.items()}
        task = TASKS.get(self.env.removeprefix("warmrl.envs:"))
        for name in ("length", "delay"):
            value = getattr(self, name)
            if value is None:
                continue
            if task is None or task.delay_name != name:
                instead = "" if task is None else f" (what it has is --{task.delay_name})"
                raise ValueError(
                    f"{name}={shown(value)} must be left out: env={self.env!r} has no "
                    f"{name}{instead}"
                )
            arguments[name] = value[0] if len(value) == 1 else value
        if self.env_wrapper:
            arguments["env_wrapper"] = self.env_wrapper
        return arguments

    @property
    def folder(self) -> Path:
        """The run folder, given or by default."""
        env = re.split(r"[:/]", self.env)[-1]
        return self.run_dir or Path("runs") / f"{env}-{self.cell}-{self.warmup}-{self.seed}"

    @property
    def warmup_config(self) -> WarmupConfig | LocalStabilityConfig | None:
        """Settings of the warm-up, ``None`` without one."""
        if self.warmup == "none":
            return None
        shared: dict[str, Any] = {"n_steps": self.warmup_steps, "seed": self.seed}
        if self.warmup == STABILITY:
            radius = self.stability_radius
            return LocalStabilityConfig(time_radius=radius, depth_radius=radius, **shared)
        return WarmupConfig.suited(CELLS[self.cell].cell_state, drive=self.warmup, **shared)

    @property
    def consolidation_config(self) -> ConsolidationConfig:
        """Settings of the consolidation."""
        return ConsolidationConfig(
            n_states=self.consolidation_states,
            learning_rate=self.consolidation_rate,
            noise=self.consolidation_noise,
            max_hold_steps=self.consolidation_hold,
            seed=self.seed,
        )

    @property
    def settings(self) -> dict[str, Any]:
        """What cannot change when a run is resumed, as JSON."""
        places = (*CHANGEABLE, *PLACES)
        fixed = {name: v for name, v in self.to_json().items() if name not in places}
        settings: dict[str, Any] = json.loads(json.dumps(fixed))
        return settings

    def to_json(self) -> dict[str, Any]:
        """Every field as JSON, with the environment's arguments as they were understood."""
        data = dataclasses.asdict(self)
        places = {name: _text(getattr(self, name)) for name in ("resume", "config")}
        return data | places | {"run_dir": str(self.folder), "env_kwargs": self.env_arguments}


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _parse(value: Any) -> Any:
    """A value from the command line: JSON where it is, else the word itself."""
    if value in ("True", "False"):
        return value == "True"
    try:
        return json.loads(value)
    except (ValueError, TypeError):
        return value


def shown(value: Any) -> str:
    """A value as the command line has it."""
    return " ".join(map(str, value)) if isinstance(value, tuple) else repr(value)


def _require(config: TrainConfig, name: str, holds: bool, right: str) -> None:
    if not holds:
        raise ValueError(f"{name}={shown(getattr(config, name))} must be {right}")

"""What is drawn: spaces, policies, wrappers, callbacks and settings, in one line each."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from hypothesis import strategies as st

from warmrl.agents import CELLS

from .algorithms import ALGORITHMS
from .overrides import OVERRIDES

BOX = spaces.Box(-1.0, 1.0, (3,), np.float32)
PICTURE = spaces.Box(0, 255, (36, 36, 1), np.uint8)
OBSERVATIONS: dict[str, spaces.Space[Any]] = {
    "box": BOX,
    "one": spaces.Box(-1.0, 1.0, (1,), np.float32),
    "matrix": spaces.Box(-1.0, 1.0, (2, 3), np.float32),
    "scalar": spaces.Box(-1.0, 1.0, (), np.float32),
    "float64": spaces.Box(-1.0, 1.0, (4,), np.float64),
    "bytes": spaces.Box(0, 255, (5,), np.uint8),
    "integers": spaces.Box(-4, 4, (3,), np.int64),
    "small image": spaces.Box(0, 255, (4, 5, 3), np.uint8),
    "small image, channels first": spaces.Box(0, 255, (1, 4, 5), np.uint8),
    "picture": PICTURE,
    "picture, channels first": spaces.Box(0, 255, (3, 36, 36), np.uint8),
    "discrete": spaces.Discrete(4),
    "discrete from 2": spaces.Discrete(4, start=2),
    "multidiscrete": spaces.MultiDiscrete([2, 3]),
    "multidiscrete table": spaces.MultiDiscrete(np.array([[2, 3], [3, 2]])),
    "multibinary": spaces.MultiBinary(3),
    "multibinary table": spaces.MultiBinary([2, 2]),
    "dict": spaces.Dict({"z": BOX, "a": spaces.Discrete(3)}),
    "dict of boxes": spaces.Dict({"z": BOX, "a": spaces.Box(0, 255, (2,), np.uint8)}),
    "dict of tables": spaces.Dict(
        {
            "many": spaces.MultiDiscrete([2, 3]),
            "bits": spaces.MultiBinary(3),
            "fine": spaces.Box(-1.0, 1.0, (2, 2), np.float64),
        }
    ),
    "dict with picture": spaces.Dict({"picture": PICTURE, "box": BOX}),
}
ACTIONS: dict[str, spaces.Space[Any]] = {
    "discrete": spaces.Discrete(3),
    "discrete of one": spaces.Discrete(1),
    "discrete from 5": spaces.Discrete(3, start=5),
    "discrete from -1": spaces.Discrete(3, start=-1),
    "multidiscrete": spaces.MultiDiscrete([3, 4]),
    "multidiscrete of one": spaces.MultiDiscrete([3]),
    "multidiscrete from 1": spaces.MultiDiscrete([3, 4], start=[1, 2]),
    "multibinary": spaces.MultiBinary(3),
    "multibinary table": spaces.MultiBinary([2, 2]),
    "box": spaces.Box(-0.5, 2.0, (2,), np.float32),
    "box table": spaces.Box(-0.5, 2.0, (2, 2), np.float32),
    "box of one": spaces.Box(-0.5, 2.0, (1,), np.float32),
    "box scalar": spaces.Box(-0.5, 2.0, (), np.float32),
    "box, float64": spaces.Box(-0.5, 2.0, (2,), np.float64),
    "box, unbounded": spaces.Box(-np.inf, np.inf, (2,), np.float32),
}
UNSUPPORTED = (
    *("scalar", "discrete from 2", "multidiscrete table", "multibinary table", "box, unbounded"),
    *("discrete from 5", "discrete from -1", "multidiscrete from 1"),
)
"""spaces, of observations or actions, that upstream does not support or passes over"""
CRITICS = {
    "shared": {"shared_lstm": True, "enable_critic_lstm": False},
    "own": {"shared_lstm": False, "enable_critic_lstm": True},
    "linear": {"shared_lstm": False, "enable_critic_lstm": False},
}
NET_ARCHS: dict[str, Any] = {
    "none": [],
    "one": [5],
    "two": [6, 4],
    "actor only": {"pi": [5], "vf": []},
    "critic only": {"pi": [], "vf": [4]},
    "each": {"pi": [5, 4], "vf": [6]},
}
CALLBACKS = (
    *("none", "reads", "reads at every step", "stops early"),
    *("writes rewards", "writes observations", "writes values"),
    *("writes weights", "writes data of weights", "patches forward", "patches predict_values"),
    *("writes rewards of the past", "recomputes advantages"),
    *("writes advantages", "replaces advantages", "writes all other fields"),
)
"""the first line reads; the second writes `self.locals`, the third changes the acting policy, the
others write the rollout buffer, at every step or at the end of the rollout"""
ROUNDED = {"int64": np.int64, "int8": np.int8, "bool": np.bool_, "float16": np.float16}
"""types of rewards in which upstream rounds what it adds to them for truncated episodes"""


@dataclass(frozen=True)
class Configuration:
    """One comparison of ours with upstream; ``check(Configuration(...))`` runs it again.

    :param algorithm: a name in ``ALGORITHMS``, held to upstream's own
    :param cell: a cell of ours, or "upstream" for the policies of sb3-contrib
    :param override: what of the policy is a user's own, a name in ``OVERRIDES``
    :param wrappers: around the environments, the innermost first
    :param plain: whether rewards are rounded as ``rewards`` says, and told as float32
    :param relearns: how a second rollout begins: in the same ``learn``, in a second one, or in a
        second one that starts anew
    :param whole_batch: whether the update is one step on the whole rollout, as upstream's is then
    """

    seed: int = 0
    algorithm: str = "ours"
    observations: str = "box"
    actions: str = "discrete"
    cell: str = "gru"
    double: bool = False
    skip: bool = False
    n_layers: int = 1
    dropout: bool = False
    width: int = 4
    critic: str = "shared"
    share_features: bool = True
    value_gradient: bool = False
    net_arch: str = "none"
    ortho_init: bool = True
    activation: str = "Tanh"
    sde: str = "no"
    override: str = "nothing"
    wrappers: tuple[str, ...] = ()
    flags: str = "bool"
    rewards: str = "float32"
    plain: bool = False
    sights: str = "as they are"
    infos: str = "list"
    endings: str = "either"
    monitored: bool = True
    inner_episodes: bool = False
    successes: bool = False
    n_envs: int = 2
    n_steps: int = 6
    callback: str = "reads"
    gamma: float = 0.9
    gae_lambda: float = 0.8
    normalize_advantage: bool = True
    clip_range_vf: float | None = None
    ent_coef: float = 0.0
    vf_coef: float = 0.5
    target_kl: float | None = None
    max_grad_norm: float = 0.5
    optimizer: str = "SGD"
    learning_rate: float = 0.0
    n_rollouts: int = 1
    relearns: str = "no"
    whole_batch: bool = True
    batch_size: int = 8


@st.composite
def configurations(draw: st.DrawFn) -> Configuration:
    """Any of them; choices that exclude each other are not drawn together."""

    def one_of(*choices: Any) -> Any:
        return draw(st.sampled_from(choices))

    def odd_or_not(choices: Any) -> Any:
        """A name, and seldom one of a space that upstream does not support."""
        odd = [name for name in choices if name in UNSUPPORTED]
        usual = [name for name in choices if name not in UNSUPPORTED]
        return one_of(*(odd if draw(st.integers(0, 19)) == 19 else usual))

    def often(usual: Any, *others: Any) -> Any:
        return one_of(*[usual] * max(len(others), 1), *others)

    observations = odd_or_not(OBSERVATIONS)
    actions = often("discrete", odd_or_not(ACTIONS))
    critic = one_of(*CRITICS)
    wrappers = list[str]()
    space = OBSERVATIONS[observations]
    parts = space.spaces.values() if isinstance(space, spaces.Dict) else [space]
    if all(isinstance(part, spaces.Box) and part.shape for part in parts) and often(False, True):
        wrappers.append("frames")
    wrappers += draw(st.lists(st.sampled_from(["normalize", "monitor"]), max_size=2, unique=True))
    sde = (
        one_of("no", "once", "every 3", "squashed", "expln", "not full")
        if actions.startswith("box")
        else "no"
    )
    override = often("nothing", *OVERRIDES)
    whole_batch = often(True, True, False)
    n_layers = often(1, 1, 2)
    rewards = often("float32", "float64", "list", "tensor", "column", *ROUNDED)
    algorithm = often("ours", "ours", "ours", *ALGORITHMS)
    if rewards == "column":
        algorithm = "ours"  # a buffer takes no columns, upstream's neither
    return Configuration(
        seed=draw(st.integers(0, 2**16)),
        algorithm=algorithm,
        observations=observations,
        actions=actions,
        cell=one_of(*CELLS, *CELLS, "upstream"),
        double=draw(st.booleans()),
        skip=draw(st.booleans()) and override != "lstm_actor of torch",
        n_layers=n_layers,
        dropout=n_layers == 2 and often(False, False, True),
        width=draw(st.integers(4, 16)),
        critic=critic,
        share_features=True if critic == "shared" else draw(st.booleans()),
        value_gradient=draw(st.booleans()),
        net_arch=often("none", *NET_ARCHS),
        ortho_init=draw(st.booleans()),
        activation=one_of("Tanh", "ReLU"),
        sde=sde,
        override=override,
        wrappers=tuple(wrappers),
        flags=often("bool", "int64", "uint8", "float32", "list"),
        rewards=rewards,
        sights=often("as they are", "float64", "int32", "fortran", "reversed", "list"),
        infos=often("list", "tuple", "without last observations"),
        endings=one_of("terminated", "truncated", "either", "both", "never"),
        monitored=draw(st.booleans()),
        inner_episodes=draw(st.booleans()),
        successes=draw(st.booleans()),
        n_envs=draw(st.integers(1, 4)),
        n_steps=draw(st.integers(1, 16)),
        callback=one_of(*CALLBACKS),
        gamma=one_of(0.9, 0.99, 1.0, 0.0),
        gae_lambda=one_of(0.8, 0.95, 1.0, 0.0),
        normalize_advantage=draw(st.booleans()),
        clip_range_vf=one_of(None, 0.1),
        ent_coef=one_of(0.0, 0.01),
        vf_coef=often(0.5, 0.0),
        target_kl=one_of(None, None, 0.01),
        max_grad_norm=one_of(0.5, 100.0),
        optimizer=one_of("Adam", "SGD", "SGD", "AdamW", "RMSprop"),
        learning_rate=0.01 if not whole_batch else one_of(0.0, 0.01),
        n_rollouts=draw(st.integers(1, 2)),
        relearns=often("no", "goes on", "anew"),
        whole_batch=whole_batch,
        batch_size=draw(st.integers(1, 24)),
    )

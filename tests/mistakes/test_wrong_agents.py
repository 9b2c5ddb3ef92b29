"""Agents that cannot be: policies, settings of recurrent PPO, observations and states."""

from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3 import PPO
from torch import nn

from warmrl.agents import Agent, MlpRnnPolicy, RecurrentPPO
from warmrl.envs import make_vec_env
from warmrl.tests.mistakes.wrong import Wrong, check, each

NAN, INF = float("nan"), float("inf")
some: Any = "wrong"  # of a type that the annotations refuse
ENV = make_vec_env("warmrl/TMaze-v0", 1, seed=0, length=3)
SEEN = np.zeros((2, 9), np.float32)


def ppo(policy: Any = "MlpRnnPolicy", **settings: Any) -> RecurrentPPO:
    usual: dict[str, Any] = {"n_steps": 8, "device": "cpu", "seed": 0}
    return RecurrentPPO(policy, ENV, **usual | settings)


def policy(**arguments: Any) -> RecurrentPPO:
    return ppo(policy_kwargs=arguments)


def predict(**arguments: Any) -> object:
    return ppo().predict(SEEN, **arguments)


def state(n: int) -> Any:
    return (np.zeros((1, n, 64), np.float32),) * 2


@each(
    Wrong(lambda: policy(cell="rnn"), "cell='rnn' is unknown; it must be one of lstm, gru"),
    Wrong(lambda: policy(cell=["gru"]), "cell=['gru'] is unknown; it must be one of lstm, gru"),
    Wrong(lambda: policy(cells="gru"), "argument 'cells'", TypeError),
    Wrong(lambda: policy(init="zeros"), "init='zeros' is unknown; it must be one of default"),
    Wrong(lambda: policy(init=["chain"]), "init=['chain'] is unknown; it must be one of default"),
    Wrong(
        lambda: policy(cell="lstm", init="chrono", init_kwargs={"tmax": 9}),
        "unknown option 'tmax'; it has t_max",
    ),
    Wrong(lambda: policy(lstm_hidden_size=0), "lstm_hidden_size=0 must be at least 1"),
    Wrong(lambda: policy(lstm_hidden_size=8.0), "lstm_hidden_size=8.0 must be an int", TypeError),
    Wrong(lambda: policy(lstm_hidden_size=some), "hidden_size='wrong' must be an int", TypeError),
    Wrong(lambda: policy(lstm_hidden_size=1), "hidden_size=1 must be at least 2 for a double"),
    Wrong(lambda: policy(n_lstm_layers=0), "n_lstm_layers=0 must be at least 1"),
    Wrong(lambda: policy(n_lstm_layers=1.5), "n_lstm_layers=1.5 must be an int", TypeError),
    Wrong(lambda: policy(double=some), "double='wrong' must be True or False", TypeError),
    Wrong(lambda: policy(skip=some), "skip='wrong' must be True or False", TypeError),
    Wrong(lambda: policy(value_gradient=1), "value_gradient=1 must be True or False", TypeError),
    Wrong(lambda: policy(lstm_kwargs={"bias": False}), "lstm_kwargs={'bias': False} must have"),
    Wrong(
        lambda: policy(shared_lstm=True, enable_critic_lstm=True),
        "shared_lstm=True and enable_critic_lstm=True exclude each other",
    ),
    *(
        Wrong(
            lambda prior=prior: policy(action_prior=prior),  # type: ignore[misc]
            f"action_prior={prior} must be one positive probability for each action",
        )
        for prior in [(0.5, 0.5), (0.5, 0.5, 0.0, 0.0), (0.5,) * 4, (NAN,) * 4, ()]
    ),
    Wrong(lambda: policy(action_prior=some), "action_prior='wrong' must be", TypeError),
    Wrong(lambda: ppo("MlpPolicy"), "Policy MlpPolicy unknown"),
    Wrong(lambda: ppo("MultiInputRnnPolicy"), "MultiInputRnnPolicy is for Dict spaces"),
)
def test_policies(wrong: Wrong) -> None:
    check(wrong)


@each(
    Wrong(lambda: ppo(n_steps=0), "n_steps=0 must be at least 1"),
    Wrong(lambda: ppo(n_steps=2.5), "n_steps=2.5 must be an int of at least 1", TypeError),
    Wrong(lambda: ppo(n_steps=1), "n_steps=1 with one environment gives a single advantage"),
    Wrong(lambda: ppo(n_epochs=0), "n_epochs=0 must be at least 1"),
    Wrong(lambda: ppo(n_epochs=some), "n_epochs='wrong' must be an int", TypeError),
    Wrong(lambda: ppo(batch_size=0), "batch_size=0 must be at least 1"),
    Wrong(lambda: ppo(batch_size=-4), "batch_size=-4 must be at least 1"),
    Wrong(lambda: ppo(batch_size=2.5), "batch_size=2.5 must be an int of at least 1", TypeError),
    Wrong(lambda: ppo(gamma=1.5), "gamma=1.5 must be a number from 0 to 1"),
    Wrong(lambda: ppo(gamma=NAN), "gamma=nan must be a number from 0 to 1"),
    Wrong(lambda: ppo(gae_lambda=-1), "gae_lambda=-1 must be a number from 0 to 1"),
    Wrong(lambda: ppo(learning_rate=-1), "learning_rate=-1 must be a number of at least 0"),
    Wrong(lambda: ppo(learning_rate=some), "learning_rate='wrong' must be a number", TypeError),
    Wrong(lambda: ppo(clip_range=0), "clip_range=0 must be a positive number"),
    Wrong(lambda: ppo(ent_coef=NAN), "ent_coef=nan must be a finite number"),
    Wrong(lambda: ppo(vf_coef=INF), "vf_coef=inf must be a finite number"),
    Wrong(lambda: ppo(max_grad_norm=-1), "max_grad_norm=-1 must be a positive number"),
    Wrong(lambda: ppo(reward_scale=0.0), "reward_scale=0.0 must be a positive number"),
    Wrong(lambda: ppo(reward_scale=NAN), "reward_scale=nan must be a positive number"),
    Wrong(lambda: ppo(reward_scale=INF), "reward_scale=inf must be a positive number"),
    Wrong(lambda: ppo(reward_scale=None), "reward_scale=None must be a positive", TypeError),
    Wrong(lambda: ppo(seed=-1), "seed=-1 must be at least 0"),
    Wrong(lambda: ppo(wheels=4), "argument 'wheels'", TypeError),
    Wrong(lambda: ppo().learn(-5), "total_timesteps=-5 must be at least 0"),
    Wrong(lambda: ppo().learn(total_timesteps=NAN), "total_timesteps=nan must be at least 0"),  # type: ignore[arg-type]
)
def test_settings_of_recurrent_ppo(wrong: Wrong) -> None:
    check(wrong)


@each(
    Wrong(lambda: predict(state=state(1)), "state is of 1 environments; it must be of 2"),
    Wrong(lambda: predict(state=state(3)), "state is of 3 environments; it must be of 2"),
    Wrong(
        lambda: predict(episode_start=np.ones(3, bool)),
        "episode_start is of 3 environments; it must be of 2",
    ),
    Wrong(lambda: ppo().predict(np.zeros(3, np.float32)), "observation shape (3,) for Box"),
    Wrong(lambda: PPO("MlpRnnPolicy", ENV), "Policy MlpRnnPolicy unknown"),
    Wrong(
        lambda: PPO(MlpRnnPolicy, ENV, n_steps=8, batch_size=8).learn(8),
        "missing 2 required positional arguments: 'lstm_states' and 'episode_starts'",
        TypeError,
    ),
)
def test_states_and_memoryless_algorithms(wrong: Wrong) -> None:
    check(wrong)


@each(
    Wrong(lambda: Agent(some), "source=str has no recurrent policy of warmrl", TypeError),
    Wrong(lambda: Agent(nn.GRU(1, 1)), "source=GRU has no recurrent policy", TypeError),  # type: ignore[arg-type]
    Wrong(lambda: Agent(ppo()).act({"a": SEEN}), "observation of type dict must be one of the sp"),
    Wrong(lambda: Agent(ppo()).act(SEEN[:, 1:]), "observation shape (2, 8) for Box"),
    Wrong(lambda: Agent(ppo()).act(SEEN * NAN), "observation is nan at (0, 0); it must be finite"),
    Wrong(lambda: Agent(ppo()).reset(np.ones(2, bool)), "done_mask of shape (2,) must be one flag"),
    Wrong(lambda: Agent(ppo()).reset(seed=-1), "seed=-1 must be at least 0"),
    Wrong(lambda: Agent(ppo()).reset(seed=some), "seed='wrong' must be an int", TypeError),
    Wrong(lambda: Agent(ppo()).save("new", {"policy": 3}), "config['policy']=3 is taken by the"),
    Wrong(lambda: Agent.load("none"), "run_dir='none' has no config.json", FileNotFoundError),
    Wrong(lambda: Agent.load(None), "not NoneType", TypeError),  # type: ignore[arg-type]
)
def test_agents(wrong: Wrong) -> None:
    check(wrong)
    assert not Path("new").exists()

"""Command lines that cannot be."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from warmrl.command_line import parse
from warmrl.evaluate import main as evaluate
from warmrl.sweep import main as sweep
from warmrl.sweeps import Definition
from warmrl.tests.mistakes.commands import SMALL, make_run, refused
from warmrl.tests.training.strangers import ID
from warmrl.train import main as train
from warmrl.training import TrainConfig

TRAIN = [
    ("--n-envs 0", "n_envs=0 must be at least 1"),
    ("--n-envs two", "--n-envs: invalid literal for int() with base 10: 'two'"),
    ("--n-steps -1", "n_steps=-1 must be at least 1"),
    ("--n-envs 1 --n-steps 7 --n-minibatches 4", "n_minibatches=4 must leave two steps or more"),
    ("--total-timesteps 0", "total_timesteps=0 must be at least 1"),
    ("--total-timesteps -5", "total_timesteps=-5 must be at least 1"),
    ("--total-timesteps 1e6", "--total-timesteps"),
    ("--warmup-steps 0", "warmup_steps=0 must be at least 1"),
    ("--warmup-episode-steps 0", "warmup_episode_steps=0 must be at least 1"),
    ("--hidden-size 1", "hidden_size=1 must be at least 2 in a double layer"),
    ("--n-layers 0", "n_layers=0 must be at least 1"),
    ("--seed -1", "seed=-1 must be at least 0"),
    ("--seed 1.5", "--seed"),
    ("--threads 0", "threads=0 must be at least 1"),
    ("--eval-max-seconds 0", "eval_max_seconds=0.0 must be a positive number"),
    ("--eval-episodes 0", "eval_episodes=0 must be at least 1"),
    ("--stability-radius 0", "stability_radius=0.0 must be a positive number"),
    ("--ent-coef nan", "ent_coef=nan must be a number of at least 0"),
    ("--ent-coef inf", "ent_coef=inf must be a number of at least 0"),
    ("--gamma 1.5", "gamma=1.5 must be a number from 0 to 1"),
    ("--gae-lambda -0.1", "gae_lambda=-0.1 must be a number from 0 to 1"),
    ("--learning-rate 0", "learning_rate=0.0 must be a positive number"),
    ("--learning-rate nan", "learning_rate=nan must be a positive number"),
    ("--clip-range inf", "clip_range=inf must be a positive number"),
    ("--reward-scale -1", "reward_scale=-1.0 must be a positive number"),
    ("--cell cuckoo", "cell='cuckoo' must be one of lstm, gru"),
    ("--init zeros", "init='zeros' must be one of default, uniform"),
    ("--cell gru --init chrono", "init='chrono' is defined for cell='lstm' only"),
    ("--warmup hot", "warmup='hot' must be one of none, gaussian, rollout, frame"),
    ("--critic none", "invalid choice 'none' for argument '--critic'"),
    ("--skip maybe", "invalid choice 'maybe' for argument '--skip'"),
    ("--device abacus", "device='abacus' must be auto, cpu or another that this machine has"),
    ("--length 1", "length=1 must be at least 2"),
    ("--length 9 5", "length=(9, 5) is reversed"),
    ("--length", "length= must be one number, or two"),
    ("--length 3 4 5", "length=3 4 5 must be one number, or two"),
    ("--length five", "--length"),
    ("--length 99999999999999999999", "length=99999999999999999999 must be at most 1099511627"),
    ("--delay 5", "delay=5 must be left out: env='warmrl/TMaze-v0' has no delay (what it has is"),
    ("--env CartPole-v1", "length=3 must be left out: env='CartPole-v1' has no length"),
    ("--env-kwargs stochasticity 2", "stochasticity=2 must be a number from 0 to 1"),
    ("--env-kwargs stochasticity", "--env-kwargs"),
    ("--env-kwargs depth 3", "has no argument 'depth'; it has"),
    ("--eval-delays 1", "delays=1 must be at least 2"),
    ("--eval-delays", "delays=[] must name at least one"),
    ("--env-wrapper a.B", "env_wrapper=('a.B',) must be left out: warmrl/TMaze-v0 steps in"),
    ("--config nowhere", "config='nowhere' must be a run folder or a JSON file"),
    ("--config taken", "config='taken' must be a run folder or a JSON file"),
    ("--config taken/file", "config='taken/file': "),
    ("--config run --cell cuckoo", "cell='cuckoo' must be one of lstm, gru"),
    ("--config run --resume run", "config='run' must be left out: a resumed run has settings"),
    ("--what 1", "--what"),
    ("more", "Unrecognized options: more"),
    ("--run-dir taken", "run_dir='taken' exists; it must be a new folder"),
    ("--run-dir taken/file", "run_dir='taken/file' is a file; it must be a new folder"),
    ("--run-dir taken/file/run", "cannot be made: "),
    ("--run-dir /proc/run", "/proc/run"),
    ("--checkpoint-rollouts 0", "checkpoint_rollouts=0 must be at least 1"),
    ("--resume nowhere", "resume='nowhere' has no config.json; it must be a run"),
    ("--resume taken", "resume='taken' has no config.json; it must be a run"),
    ("--resume run", "total_timesteps=32 must be more than the 32 steps that run has"),
    ("--resume run --cell lstm", "cell='lstm' cannot be changed by --resume; the run has 'gru'"),
]
STRANGERS = [
    ("Nothing-v0", "env_id='Nothing-v0' must be one of warmrl/TMaze-v0, warmrl/"),
    ("CartPole-v1 --eval-delays 5", "env='CartPole-v1' has no delay"),
    (f"{ID} --env-kwargs seen sequence", "they must be one of Box, Discrete"),
    (f"{ID} --env-kwargs seen text", "they must be numbers"),
    (f"{ID} --env-wrapper Wrapper", "env_wrapper='Wrapper' must be the import path of a"),
    (f"{ID} --env-wrapper nowhere.Wrapper", "env_wrapper='nowhere.Wrapper' must be the import"),
    (f"{ID} --env-wrapper gymnasium.Nothing", "module 'gymnasium' has no attribute 'Nothing'"),
    (
        f"{ID} --env-wrapper os.mkdir",
        "env_wrapper='os.mkdir' is <built-in function mkdir>; it must",
    ),
    (
        f"{ID} --env-wrapper warmrl.tests.training.strangers.Demanding",
        "there is no such environment",
    ),
    ("popgym-Nothing-v0", "env_id='popgym-Nothing-v0' "),
    (f"{ID} --env-kwargs done boundless", "their bounds must be finite"),
]
EVALUATE = [
    ("", "Missing from"),
    ("none", "run_dir='none' has no config.json; it must be a run"),
    ("run/config.json", "run_dir='run/config.json' has no config.json; it must be a run"),
    ("run --delays 1", "delays=1 must be at least 2"),
    ("run --delays", "delays=[] must name at least one delay"),
    ("run --delays x", "--delays"),
    ("run --delays 99999999999999999999", "delays=99999999999999999999 must be at most 109951162"),
    ("run --certify-steps 0", "certify_steps=0 must be at least 1"),
    ("run --episodes 0", "episodes=0 must be at least 1"),
    ("run --episodes 1.5", "--episodes"),
    ("run --seed -1", "seed=-1 must be at least 0"),
    ("run --threads 0", "threads=0 must be at least 1"),
    ("run --device abacus", "device='abacus' must be auto, cpu or another that this machine has"),
    ("run --video film.avi", "video='film.avi' must be a file .gif or .mp4 in a folder"),
    ("run --what 1", "--what"),
    ("run more", "Unrecognized options: more"),
]
SWEEP = [
    ("", "Missing from"),
    ("new --grid cell", "grid='cell' must be FIELD=..., for example cell=gru,lstm"),
    ("new --grid cell=", "grid='cell=' must be FIELD=..., for example cell=gru,lstm"),
    ("new --grid sell=gru", "sell='gru' is no setting of train.py; it may be 'cell'"),
    ("new --grid cell=gru,cuckoo", "cell='cuckoo' must be one of lstm, gru"),
    ("new --grid cell=gru,gru", "grid='cell=gru,gru': gru must be there once"),
    ("new --grid cell=gru --grid cell=lstm", "grid='cell=lstm': cell must be given once"),
    ("new --grid n_envs=4,two", "n_envs='two' must be an int of at least 1"),
    ("new --grid n_envs=4,0.5", "n_envs=0.5 must be an int of at least 1"),
    ("new --grid learning_rate=fast", "learning_rate='fast' must be a positive number"),
    ("new --grid double=1", "double=1 must be True or False"),
    ("new --grid length=3,9999999999999", "length=9999999999999 must be at most"),
    ("new --grid seed=0,1", "grid='seed=0,1': seed must be left out; it is --seeds"),
    (
        "new --grid run_dir=a",
        "grid='run_dir=a': run_dir must be left out; it is the sweep's folder",
    ),
    ("new --grid resume=a", "grid='resume=a': resume must be left out"),
    ("new --grid env_kwargs=1", "env_kwargs must be the name of a setting, or env_kwargs.NAME"),
    ("new --grid cell.size=1", "cell.size must be the name of a setting, or env_kwargs.NAME"),
    ("new --grid env_kwargs.depth=3", "has no argument 'depth'; it has"),
    ("new --grid cell=gru,lstm --init chrono", "init='chrono' is defined for cell='lstm' only"),
    ("new --grid gamma=.9 --search gamma=.9:1", "gamma must be in the grid or in the search"),
    (
        "new --search gamma=.9:1 --search gamma=.8:1",
        "search='gamma=.8:1': gamma must be given once",
    ),
    ("new --search gamma=0.9", "search='gamma=0.9' must be FIELD=LOW:HIGH, FIELD=LOW:HIGH:STEP"),
    ("new --search gamma=1:0.9", "search='gamma=1:0.9': 1 must be less than 0.9"),
    ("new --search gamma=0.9:1.5", "gamma=1.5 must be a number from 0 to 1"),
    ("new --search gamma=log:0:1", "a range with log must be above 0"),
    ("new --search n_steps=log:8:64:8", "a range with log must be without a step"),
    ("new --search n_steps=8:64:60", "the step must be more than 0, at most 56"),
    ("new --search cell=gru,cuckoo", "cell='cuckoo' must be one of lstm, gru"),
    ("new --search tensor=1:2", "tensor='1:2' is no setting of train.py; it may be 'tensorboard'"),
    ("new --seeds", "seeds= must name at least one"),
    ("new --seeds 0 1 0", "seeds=0 1 0 must name 0 once"),
    ("new --seeds -1", "seeds=-1 must be at least 0"),
    ("new --seed 1", "seed=1 must be left out; say --seeds"),
    ("new --run-dir there", "run_dir='there' must be left out: every run has its folder in that"),
    ("new --resume run", "resume='run' must be left out: every run has its folder in that"),
    ("new --trials 0", "trials=0 must be at least 1"),
    ("new --jobs 0", "jobs=0 must be at least 1"),
    ("new --n-envs 0", "n_envs=0 must be at least 1"),
    ("new --device abacus", "device='abacus' must be auto, cpu or another that this machine has"),
    ("new --config nowhere", "config='nowhere' must be a run folder or a JSON file"),
    ("new --eval-delays 1", "delays=1 must be at least 2"),
    ("taken", "folder='taken' exists; it must be a new one, or that of a sweep"),
    ("taken/file", "folder='taken/file' exists; it must be a new one, or that of a sweep"),
    ("sweep --gamma 0.5", "gamma=0.5 cannot be changed: the sweep in sweep has 0.98"),
    (
        "sweep --grid cell=gru",
        'grid of cell=["gru"] cannot be changed: the sweep in sweep has null',
    ),
    ("sweep --seeds 1", "seeds=1 cannot be changed: the sweep in sweep has 0"),
    ("sweep --search gamma=.9:1", "search of gamma="),
    ("new more", "Unrecognized options: more"),
]


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder with a run in it, which no wrong call may change."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "taken").mkdir()
    (folder / "taken" / "file").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield


@pytest.fixture(autouse=True)
def run(place: None, capsys: pytest.CaptureFixture[str]) -> None:
    if not Path("run").exists():
        make_run(Path("run"), capsys)
    if not Path("sweep").exists():
        Definition(parse(TrainConfig, SMALL), {}, {}, (0,)).claim(Path("sweep"))


@pytest.mark.parametrize(("args", "words"), TRAIN)
def test_train(args: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    small = () if "--resume" in args else SMALL
    assert words in refused(train, [*small, *args.split()], capsys)


@pytest.mark.parametrize(("args", "words"), STRANGERS)
def test_train_elsewhere(args: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert words in refused(train, ["--env", *args.split()], capsys)


@pytest.mark.parametrize(("args", "words"), EVALUATE)
def test_evaluate(args: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert words in refused(evaluate, args.split(), capsys)


@pytest.mark.parametrize(("args", "words"), SWEEP)
def test_sweep(args: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    if "--search" in args:
        pytest.importorskip("optuna", reason="needs the extra sweep")
    folder, *others = args.split() or [""]
    assert words in refused(sweep, [folder, *SMALL, *others] if args else [], capsys)


@pytest.mark.parametrize(
    ("script", "encoding"),
    [("train --n-envs 0", "ascii"), ("evaluate run --episodes 0", "utf-8")],
)
def test_as_programs(script: str, encoding: str) -> None:
    """Also where the terminal cannot draw boxes."""
    name, *args = script.split()
    done = subprocess.run(
        [sys.executable, "-m", f"warmrl.{name}", *args],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
    )
    field = args[-2].strip("-").replace("-", "_")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {field}=0 must be at least 1\n"

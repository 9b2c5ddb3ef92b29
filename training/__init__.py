"""What surrounds ``learn``: a run's configuration, its folder and its callbacks."""

from .build import build_env, build_model, left_out, task_of
from .callbacks import StopWhenSolved, consolidation
from .config import TrainConfig
from .progress_bar import ProgressBar
from .resume import check_unchanged, config_of, load_model
from .run_folder import RunFolder
from .settings import stored_config, without_environment

__all__ = [
    "ProgressBar",
    "RunFolder",
    "StopWhenSolved",
    "TrainConfig",
    "build_env",
    "build_model",
    "check_unchanged",
    "config_of",
    "consolidation",
    "left_out",
    "load_model",
    "stored_config",
    "task_of",
    "without_environment",
]

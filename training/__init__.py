"""What surrounds ``learn``: a run's configuration, its folder, its checkpoints, its callbacks."""

from .build import build_env, build_model, task_of
from .callbacks import StopWhenSolved, consolidation, stop_when_solved
from .checkpoints import Checkpoints
from .config import TrainConfig
from .cut_short import keep_what_was_learned
from .progress_bar import ProgressBar
from .resume import Resumed, check_unchanged, config_of, resume_model
from .run_folder import RunFolder
from .writing import writing

__all__ = [
    "Checkpoints",
    "ProgressBar",
    "Resumed",
    "RunFolder",
    "StopWhenSolved",
    "TrainConfig",
    "build_env",
    "build_model",
    "check_unchanged",
    "config_of",
    "consolidation",
    "keep_what_was_learned",
    "resume_model",
    "stop_when_solved",
    "task_of",
    "writing",
]

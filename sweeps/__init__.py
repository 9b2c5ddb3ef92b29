"""Many runs: grids and searches over any setting, on this machine or on a cluster."""

from .definition import Definition
from .drive import Drive, Place
from .grid import Point, read_grid
from .live import Live
from .plan import GridPlan, Plan
from .rows import Row, append_row, grouped, read_rows
from .run import DONE, FAILED, PRUNED, Progress, Run
from .space import Choice, Range, read_space
from .table import median_steps, show_grid, show_trials

__all__ = [
    "DONE",
    "FAILED",
    "PRUNED",
    "Choice",
    "Definition",
    "Drive",
    "GridPlan",
    "Live",
    "Place",
    "Plan",
    "Point",
    "Progress",
    "Range",
    "Row",
    "Run",
    "append_row",
    "grouped",
    "median_steps",
    "read_grid",
    "read_rows",
    "read_space",
    "show_grid",
    "show_trials",
]

"""One thread for each process of the tests: there is one process on every core already."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch and numpy are imported, later

"""What the suite costs: each benchmark measures side by side, in one run, and gives ratios."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command does

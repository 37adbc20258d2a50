"""Run the longer proofs with the real process: every scenario of the fault matrix, and restarts.

The same as `pytest -m verify`, and the table of faults with its evidence after it.
Exits with pytest's code: 0 when all passed, 1 when some did not.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run pytest with `arguments` besides; return its exit code."""
    os.chdir(ROOT)
    given = list(sys.argv[1:] if arguments is None else arguments)
    # -s: the table of faults is printed by the tests, also where all pass
    return int(pytest.main(["-m", "verify", "-rs", "-s", *(given or ["tests"])]))


if __name__ == "__main__":
    sys.exit(main())

"""Run the longer proofs with the real process: every scenario of the fault matrix, and restarts.

The same as `pytest -m verify`, and the table of faults with its evidence after it. What is said
besides goes to pytest: files, or -k with a part of a name.
Exits with pytest's code: 0 when all passed, 1 when some did not, 2 and above when it could not run.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = """\
examples:
  scripts/verify.py                                        everything; half an hour or more
  scripts/verify.py tests/rehearsal/test_faults.py         the fault matrix alone
  scripts/verify.py tests/rehearsal/test_restart.py -k killed

It needs libfaketime (apt-get install faketime), and root for the full disk; what cannot run here
is skipped with its reason. `pytest --help` lists what pytest understands.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run pytest with `arguments` besides; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="verify",
        usage="verify [-h] [tests and options of pytest]",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _, given = parser.parse_known_args(arguments)
    os.chdir(ROOT)
    # -s: the table of faults is printed by the tests, also where all pass
    return int(pytest.main(["-m", "verify", "-rs", "-s", *(given or ["tests"])]))


if __name__ == "__main__":
    sys.exit(main())

"""Freqtrade's commands without the three seconds of imports that each of them begins with.

A process that has imported the stock Freqtrade, and never runs a command itself, forks for each
command. The fork calls what ``python -m freqtrade`` calls after its imports, with the arguments,
the environment and the folder of that command, so nothing is carried from one to the next.

One thing is shared: the seed of Python's string hashes, and with it the order of sets. What is to
be the same in any order must be run by `replay.runner.run_freqtrade` as well, which is also how
each kind of command is run once as it is typed.
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from replay.client import freqtrade_environment
from replay.runner import WIDE, Run
from tests.forks import FORKS


def run_warm(
    arguments: Sequence[str],
    *,
    url: str | None = None,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    timeout: float,
) -> Run:
    """Run ``freqtrade <arguments>`` to its end, as `replay.runner.run_freqtrade` does.

    For commands that start no processes of their own: those do not get on with the fork server.
    """
    variables = {**os.environ, **WIDE, **(environment or {})}
    if url is not None:
        variables |= freqtrade_environment(url)
    with tempfile.TemporaryDirectory() as folder:
        output, log = Path(folder) / "output", Path(folder) / "log"
        for path in (output, log):
            path.touch()
        process = FORKS.Process(
            target=_freqtrade, args=(list(arguments), cwd, variables, output, log), daemon=True
        )
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
        said, logged = (path.read_text(errors="replace") for path in (output, log))
        return Run(tuple(arguments), process.exitcode, said, logged)


def _freqtrade(
    arguments: list[str], cwd: Path, variables: dict[str, str], output: Path, log: Path
) -> None:
    from freqtrade.main import main  # noqa: PLC0415 - the fork has it, the tests do without

    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(variables)
    for path, descriptor in ((output, 1), (log, 2)):
        with path.open("wb") as file:
            os.dup2(file.fileno(), descriptor)
    main(arguments)

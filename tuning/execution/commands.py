"""Freqtrade's command line for a job, and the user folder that it refers to.

The strategy is copied into a user folder of the job's own, so that Freqtrade's lock, its results
and a file of parameters beside the strategy belong to this job alone.
"""

import json
import shutil
from pathlib import Path

from tuning.execution.parameters import configuration_of, laid_over, strategy_file, write_parameters
from tuning.jobs import Backtest, Job, Search
from tuning.model import TuningError

OVERLAY, LOSSES = "overlay.json", "hyperopts"
RESULTS, TRIALS = "backtest_results", "hyperopt_results"  # where Freqtrade leaves them
# The ledger of refused orders decides nothing, and parallel runs would crowd it
QUIET = {"regimekit": {"vetoes": {"ledger": False}}}
QUIET_ENVIRONMENT = {"FREQTRADE__REGIMEKIT__VETOES__LEDGER": "false"}  # above any file


def command_of(job: Job, *, userdir: Path, datadir: Path, tree: Path) -> list[str]:
    """Return the arguments of ``freqtrade`` for `job`, run from `tree`."""
    common = job.common
    shared = [
        f"--strategy={common.strategy}",
        f"--userdir={userdir}",
        *(f"--config={config}" for config in common.configs),
        f"--config={userdir / OVERLAY}",
        f"--datadir={datadir}",
        f"--timerange={common.timerange}",
        f"--fee={common.fee!r}",
    ]
    pairs = ["--pairs", *common.pairs]
    if isinstance(job, Backtest):
        # Our keys know more of what a result depends on than Freqtrade's cache does
        own = ["--cache=none", f"--backtest-directory={userdir / RESULTS}"]
        return ["backtesting", *shared, *own, *pairs]
    own = [
        f"--hyperopt-loss={job.loss}",
        f"--hyperopt-path={tree / LOSSES}",
        "--job-workers=1",  # the pool runs several jobs at a time instead
        f"--epochs={job.epochs}",
        f"--random-state={job.seed}",
        "--disable-param-export",
    ]
    return ["hyperopt", *shared, *own, "--spaces", *job.spaces, *pairs]


def furnish(job: Job, *, userdir: Path, tree: Path) -> None:
    """Make `userdir`: the strategy from `tree`, its parameters, and the overlay.

    Raises
    ------
    TuningError
        The strategy or a configuration file is not in `tree`.
    """
    common, strategies = job.common, userdir / "strategies"
    for config in common.configs:
        path = (tree / config).resolve()
        if not (path.is_file() and path.is_relative_to(tree.resolve())):
            raise TuningError(
                f"{config} is not part of the source that is carried to workers; name a file "
                "in config/ that is not private, or give its values as settings"
            )
    strategies.mkdir(parents=True)
    for path in (tree / common.strategy_folder).glob("*.py"):  # and no parameters beside them
        shutil.copyfile(path, strategies / path.name)
    own = strategy_file(strategies, common.strategy)
    overlay = laid_over(common.settings, QUIET)
    if isinstance(job, Search):
        overlay = laid_over(overlay, {"loss": {"closed": job.closed}})
    elif job.parameters is not None:
        write_parameters(own, common.strategy, job.parameters)
        overlay = laid_over(overlay, configuration_of(job.parameters))
    (userdir / OVERLAY).write_text(json.dumps(overlay), encoding="utf-8")


def epochs_file(userdir: Path) -> Path | None:
    """Return Freqtrade's file of epochs, once there is one."""
    return next((userdir / TRIALS).glob("*.fthypt"), None)

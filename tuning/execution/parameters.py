"""What a search chose, as Freqtrade takes it: a file beside the strategy, and configuration."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuning.model import Parameters, TuningError

# Freqtrade writes the moment of the export; ours is fixed, so that equal parameters are equal files
EXPORTED_AT = "1970-01-01T00:00:00+00:00"


def strategy_file(folder: Path, strategy: str) -> Path:
    """Return the file of `folder` that defines the class `strategy`.

    Raises
    ------
    TuningError
        None does.
    """
    defines = re.compile(rf"^class {re.escape(strategy)}\b", re.MULTILINE)
    for path in sorted(folder.glob("*.py")):
        if defines.search(path.read_text(encoding="utf-8", errors="replace")):
            return path
    raise TuningError(f"no file in {folder} defines the strategy {strategy}; check its name")


def write_parameters(file: Path, strategy: str, parameters: Parameters) -> None:
    """Write Freqtrade's parameter file for the strategy in `file`, beside it."""
    document = {
        "strategy_name": strategy,
        "params": {space: dict(values) for space, values in parameters.items()},
        "ft_stratparam_v": 1,
        "export_time": EXPORTED_AT,
    }
    file.with_suffix(".json").write_text(json.dumps(document, indent=2), encoding="utf-8")


def configuration_of(parameters: Parameters) -> dict[str, Any]:
    """Return the parameters that a configuration would override, and what hyperopt turns on.

    A parameter file is read before the configuration, so a stop loss, return table, trailing stop
    or number of trades that is configured as well would win over the one that was found. Hyperopt
    also turns exit signals on when it searches the space ``sell``, and protections for theirs.
    """
    overlay: dict[str, Any] = {}
    for space in ("stoploss", "trailing", "max_open_trades"):
        overlay |= parameters.get(space, {})
    if "roi" in parameters:
        overlay["minimal_roi"] = dict(parameters["roi"])
    if "sell" in parameters:
        overlay["use_exit_signal"] = True
    if "protection" in parameters:
        overlay["enable_protections"] = True
    return overlay


def laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return `below` with the values of `above`, section by section."""
    result = dict(below)
    for name, value in above.items():
        both = isinstance(value, Mapping) and isinstance(result.get(name), Mapping)
        result[name] = laid_over(result[name], value) if both else value
    return result

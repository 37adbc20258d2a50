"""What is examined: a configuration as Freqtrade merges it, its strategy, its folders."""

import os
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from doctor.errors import DoctorError
from regimekit.settings import Settings, SettingsError, settings_from

# Names of settings whose values no output shows, wherever they stand in the configuration.
SECRET_KEYS = {
    *("key", "secret", "password", "token", "jwt_secret_key", "ws_token", "uid", "apikey"),
    *("account_id", "accountid", "wallet_address", "walletaddress", "private_key", "privatekey"),
    *("api_key", "chat_id", "webhook_url", "passphrase"),
}


@dataclass(frozen=True)
class Patient:
    """Everything that checks may look at; they change none of it.

    Attributes
    ----------
    config : dict
        All files and the environment merged as Freqtrade does it.
    resolved : dict
        `config` with what the strategy adds, such as its order types; `config` where it does not
        load.
    files : tuple of Path
        Configuration files, those that others include too.
    strategy : Any
        The strategy object, None where it does not load.
    strategy_problem : str
        Why it does not load.
    settings : Settings or None
        The pack's own; None where they are wrong.
    live : bool
        Judge as for real money.
    deep : bool
        Also run Freqtrade's own slow analyses.
    online : bool
        Ask the exchange.
    extra : mapping
        What was asked for: ``asked_live``, ``strategy``, ``strategy_path``, ``named_files``.
    """

    config: dict[str, Any]
    resolved: dict[str, Any]
    files: tuple[Path, ...]
    strategy: Any
    strategy_problem: str
    strategy_file: Path | None
    settings: Settings | None
    settings_problem: str
    datadir: Path
    user_data: Path
    environment: Mapping[str, str]
    now: datetime
    root: Path
    live: bool = False
    deep: bool = False
    online: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dry_run(self) -> bool:
        """Tell whether no real order would be sent."""
        return bool(self.config.get("dry_run", True))

    @property
    def pairs(self) -> list[str]:
        """Return the configured whitelist; dynamic pair lists are known to Freqtrade only."""
        return list(self.config.get("exchange", {}).get("pair_whitelist", []))

    @property
    def order_types(self) -> Mapping[str, Any]:
        """Return the order types that count: those of the config over those of the strategy."""
        return dict(self.resolved.get("order_types") or {})

    @property
    def capital(self) -> float | None:
        """Return what the bot may use, stake currency; None where only the exchange knows."""
        if "available_capital" in self.config:
            return float(self.config["available_capital"])
        if not self.dry_run:
            return None
        wallet = self.config.get("dry_run_wallet", 1000)
        if isinstance(wallet, Mapping):
            wallet = wallet.get(self.config.get("stake_currency", "USDT"), 0)
        return float(wallet) * float(self.config.get("tradable_balance_ratio", 0.99))

    def secrets(self) -> list[str]:
        """Return every secret value, to keep it out of what is shown."""
        return [value for _, value in secret_values(self.config)]


def largest_stake(settings: Settings, capital: float) -> float:
    """Return the largest margin that the pack commits to one trade, risk budget aside."""
    scale = max(1.0, settings.adaptive.most_size) if settings.adaptive.enabled else 1.0
    return capital * settings.risk.base_fraction * scale


def secret_values(config: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield path and value of every secret that is set."""
    if isinstance(config, Mapping):
        for name, value in config.items():
            inner = f"{path}.{name}" if path else str(name)
            if str(name).lower() in SECRET_KEYS and isinstance(value, str | int | float):
                if not isinstance(value, bool) and str(value):
                    yield inner, str(value)
            else:
                yield from secret_values(value, inner)
    elif isinstance(config, list | tuple):
        for position, value in enumerate(config):
            yield from secret_values(value, f"{path}.{position}")


def load_config(files: Sequence[Path]) -> dict[str, Any]:
    """Merge files and environment as Freqtrade does, and nothing more: no folder is made.

    Raises
    ------
    DoctorError
        A file is missing or no JSON.
    """
    from freqtrade.configuration.environment_vars import (  # noqa: PLC0415 - slow
        environment_vars_to_dict,
    )
    from freqtrade.configuration.load_config import load_from_files  # noqa: PLC0415
    from freqtrade.exceptions import FreqtradeException  # noqa: PLC0415
    from freqtrade.misc import deep_merge_dicts  # noqa: PLC0415

    try:
        config = load_from_files([str(path) for path in files])
        return dict(deep_merge_dicts(environment_vars_to_dict(), config))
    except FreqtradeException as error:
        # The message may quote the lines around a mistake, and those may hold a key.
        first = str(error).splitlines()[0]
        named = any(str(path) in first for path in files)
        where = "" if named else f" in {', '.join(map(str, files))} or what it includes"
        raise DoctorError(f"the configuration cannot be read: {first.rstrip('.')}{where}") from None
    except (OSError, ValueError) as error:
        raise DoctorError(f"the configuration cannot be read: {error}") from None


def admit(
    files: Sequence[Path],
    strategy: str,
    *,
    root: Path,
    strategy_path: Path | None = None,
    datadir: Path | None = None,
    user_data: Path | None = None,
    live: bool = False,
    deep: bool = False,
    online: bool = True,
    environment: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> Patient:
    """Load everything; a strategy or settings that do not load are findings, not errors.

    Raises
    ------
    DoctorError
        The configuration cannot be read.
    """
    config = load_config(files)
    home = user_data or Path(config.get("user_data_dir") or Path.cwd() / "user_data")
    name = str(config.get("exchange", {}).get("name", "binance")).lower()
    folder = datadir or Path(config.get("datadir") or home / "data" / name)
    resolved, loaded, problem = _load_strategy(config, strategy, strategy_path, home)
    settings, settings_problem = _settings(config, loaded)
    source = getattr(loaded, "__file__", None)
    return Patient(
        config=config,
        resolved=resolved,
        files=tuple(Path(path) for path in config.get("config_files", files)),
        strategy=loaded,
        strategy_problem=problem,
        strategy_file=Path(source) if source else None,
        settings=settings,
        settings_problem=settings_problem,
        datadir=folder,
        user_data=home,
        environment=os.environ if environment is None else environment,
        now=now or datetime.now(tz=UTC),
        root=root,
        live=live or not config.get("dry_run", True),
        deep=deep,
        online=online,
        extra={
            "asked_live": live,
            "strategy": strategy,
            "strategy_path": strategy_path,
            "named_files": tuple(files),
        },
    )


def _load_strategy(
    config: dict[str, Any], strategy: str, strategy_path: Path | None, user_data: Path
) -> tuple[dict[str, Any], Any, str]:
    from freqtrade.enums import CandleType, RunMode  # noqa: PLC0415 - slow
    from freqtrade.resolvers import StrategyResolver  # noqa: PLC0415

    resolved = deepcopy(config)
    resolved |= {
        "strategy": strategy,
        "user_data_dir": user_data,
        "runmode": RunMode.OTHER,  # live, our own strategies refuse to be built
        "candle_type_def": CandleType.get_default(str(config.get("trading_mode", "spot")) or ""),
    }
    if strategy_path is not None:
        resolved["strategy_path"] = str(strategy_path)
    try:
        loaded = StrategyResolver.load_strategy(resolved)
    except Exception as error:  # noqa: BLE001 - it is somebody's code, and anything may happen
        return resolved, None, f"{type(error).__name__}: {error}"
    return resolved, loaded, ""


def _settings(config: Mapping[str, Any], strategy: Any) -> tuple[Settings | None, str]:
    """Return the pack's settings with what hyperopt found beside the strategy."""
    tuned = getattr(strategy, "tuned_settings", None)
    try:
        return (tuned() if tuned else settings_from(config.get("regimekit", {}))), ""
    except SettingsError as error:
        return None, str(error)

"""The configuration as Freqtrade merges it, and whether it may trade."""

import math
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from doctor.findings import Report
from doctor.patient import Patient, largest_stake

# Leverage that a trader of this pack has no reason to exceed with real money: at 10x a position is
# liquidated by a move of less than 10 %, which liquid coins make within an hour.
MOST_LIVE_LEVERAGE = 10.0
MUCH_LEVERAGE = 5.0
# Equity lost if all stops are hit at once, which is what a crash does.
MUCH_TOTAL_RISK, MOST_TOTAL_RISK = 0.10, 0.25
SLOWEST_LOOP = 60  # seconds between two looks at the market, in which no exit is noticed
LIVE = "add `-c config/live.json` behind your other files"


def loads(patient: Patient, report: Report) -> None:
    """Look whether the strategy can be built from this configuration."""
    if patient.strategy_problem:
        report.error(
            f"strategy {patient.extra.get('strategy')} does not load",
            patient.strategy_problem.splitlines()[0],
            "correct it, or name another with --strategy and --strategy-path",
        )
    else:
        report.ok("the strategy loads", type(patient.strategy).__name__)


def schema(patient: Patient, report: Report) -> None:
    """Look for values that Freqtrade's own schema refuses."""
    from freqtrade.config_schema.config_schema import (  # noqa: PLC0415 - slow
        CONF_SCHEMA,
        SCHEMA_TRADE_REQUIRED,
    )
    from freqtrade.configuration.config_validation import (  # noqa: PLC0415
        FreqtradeValidator,
    )

    wanted = {**deepcopy(CONF_SCHEMA), "required": SCHEMA_TRADE_REQUIRED}
    plain = _plain(patient.resolved)
    for error in FreqtradeValidator(wanted).iter_errors(plain):
        path = ".".join(str(part) for part in error.absolute_path) or "the configuration"
        # The message of the validator quotes the value, which may be a key.
        way = f"expected {error.validator} {error.validator_value}"
        report.error(f"{path} is refused by Freqtrade's schema", "", way[:200])
    if not report.found:
        report.ok("Freqtrade's schema accepts it")


def consistency(patient: Patient, report: Report) -> None:
    """Look for contradictions that Freqtrade itself refuses at the start."""
    from freqtrade.configuration.config_validation import (  # noqa: PLC0415 - slow
        validate_config_consistency,
    )
    from freqtrade.exceptions import FreqtradeException  # noqa: PLC0415

    try:
        validate_config_consistency(deepcopy(patient.resolved))
    except FreqtradeException as error:
        report.error("Freqtrade refuses it", str(error).splitlines()[0], "correct that setting")
    else:
        report.ok("Freqtrade finds no contradiction")


def pack(patient: Patient, report: Report) -> None:
    """Look for settings of the pack that are unknown or out of range."""
    if patient.settings is None:
        report.error("a setting of the pack is wrong", patient.settings_problem, "correct it")
    else:
        report.ok("settings of the pack are known and in range", patient.settings.profile)


def dry_run(patient: Patient, report: Report) -> None:
    """Look whether real money trades exactly where that was meant."""
    asked = bool(patient.extra.get("asked_live"))
    if not patient.dry_run and not asked:
        report.error(
            "dry_run is false: real orders would be sent",
            "dry_run: false",
            "set dry_run to true, or pass --live if you mean it",
        )
    elif patient.dry_run and asked:
        report.error("--live is asked for, but dry_run is true", "dry_run: true", LIVE)
    elif patient.dry_run:
        report.ok("no real order is sent", "dry_run: true")
    else:
        report.info("real orders are sent", "dry_run: false")
    said = patient.environment.get("FREQTRADE__DRY_RUN")
    if said is not None:
        report.worse(
            not patient.dry_run,
            "the environment decides over dry_run, whatever the files say",
            f"FREQTRADE__DRY_RUN={said}",
            "unset it and let config/live.json decide",
        )


def mode(patient: Patient, report: Report) -> None:
    """Look for margin that puts the whole account behind one position."""
    trading, margin = patient.config.get("trading_mode"), patient.config.get("margin_mode")
    if trading != "futures":
        report.error("the pack trades futures", f"trading_mode: {trading}", 'set it to "futures"')
    elif margin != "isolated":
        report.error(
            "a position could lose more than its margin",
            f"margin_mode: {margin}",
            'set margin_mode to "isolated"',
        )
    else:
        report.ok("a position loses no more than its margin", "futures, isolated")


def leverage(patient: Patient, report: Report) -> None:
    """Look for leverage beyond what a stop can protect."""
    if patient.settings is None:
        report.unchecked("the pack's settings are wrong")
        return
    wanted = patient.settings.risk.target_leverage
    value = f"regimekit.risk.target_leverage: {wanted:g}"
    way = f"lower it to {MUCH_LEVERAGE:g} or less"
    if wanted > MOST_LIVE_LEVERAGE:
        report.worse(patient.live, "leverage is very high", value, way)
    elif wanted > MUCH_LEVERAGE:
        report.warning("leverage is high", value, way)
    else:
        report.ok("leverage is moderate", value)


def stake(patient: Patient, report: Report) -> None:
    """Look for stakes without a limit, and for a stake that hides the leverage tier."""
    amount, capital = patient.resolved.get("stake_amount"), patient.config.get("available_capital")
    finite, limit = _number(amount), _number(capital)
    if finite is None:
        if patient.live:
            report.error("the stake has no limit", f"stake_amount: {amount}", LIVE)
        else:
            report.info("the strategy sizes orders itself", f"stake_amount: {amount}")
    if limit is None:
        if patient.live:
            report.error(
                "the bot may use all that lies in the account",
                f"available_capital: {capital}",
                "set available_capital, in stake currency, to what you can lose",
            )
    elif finite is not None and patient.settings is not None:
        largest = largest_stake(patient.settings, limit)
        if finite < largest * (1 - 1e-9):
            report.worse(
                patient.live,
                "stakes get larger than the one that leverage is looked up for",
                f"stake_amount: {finite:g}, largest stake {largest:g}",
                f"raise stake_amount to {math.ceil(largest)} or lower available_capital",
            )
    if not report.found:
        report.ok("stakes are limited", f"stake_amount: {amount}, available_capital: {capital}")


def open_trades(patient: Patient, report: Report) -> None:
    """Look for a bot that may hold any number of positions, or none."""
    most = patient.resolved.get("max_open_trades")
    value = f"max_open_trades: {most}"
    number = _number(most)
    if number is None or number < 0:
        report.worse(patient.live, "there is no limit of open trades", value, "set it to 1 to 10")
    elif number < 1:
        report.error("no trade can be opened", value, "set it to 1 or more")
    else:
        report.ok("open trades are limited", value)


def total_risk(patient: Patient, report: Report) -> None:
    """Look for more at risk at once than a crash may take."""
    if patient.settings is None:
        report.unchecked("the pack's settings are wrong")
        return
    share = patient.settings.gates.total_at_risk
    value = f"regimekit.gates.total_at_risk: {share:g}"
    way = f"lower it to {MUCH_TOTAL_RISK:g} or less"
    if share > MOST_TOTAL_RISK:
        report.worse(patient.live, "all stops together may take most of the equity", value, way)
    elif share > MUCH_TOTAL_RISK:
        report.warning("all stops together may take much of the equity", value, way)
    else:
        report.ok("what all stops together may take is bounded", value)


def stop_on_exchange(patient: Patient, report: Report) -> None:
    """Look whether a stop outlives the bot: an outage without one has no exits."""
    if patient.order_types.get("stoploss_on_exchange") is True:
        report.ok("the stop rests on the exchange", "stoploss_on_exchange: true")
    else:
        report.worse(
            patient.live,
            "no stop works while the bot or its network does not",
            f"order_types.stoploss_on_exchange: {patient.order_types.get('stoploss_on_exchange')}",
            LIVE,
        )


def stop_order(patient: Patient, report: Report) -> None:
    """Look for stops that are limit orders, which a fast market jumps over."""
    for kind in ("stoploss", "emergency_exit"):
        given = patient.order_types.get(kind, "market" if kind == "emergency_exit" else None)
        if given != "market":
            report.worse(
                patient.live,
                "the market may jump over it",
                f"order_types.{kind}: {given}",
                f'set order_types.{kind} to "market"',
            )
    if not report.found:
        report.ok("stops are market orders")


def stop_price(patient: Patient, report: Report) -> None:
    """Look which price triggers the stop: the last one is moved by a single trade."""
    given = patient.order_types.get("stoploss_price_type")
    if given == "mark":
        report.ok("the mark price triggers the stop", "stoploss_price_type: mark")
    elif patient.live:
        report.error(
            "a single trade may trigger the stop", f"order_types.stoploss_price_type: {given}", LIVE
        )
    else:
        report.info("in a dry run the last price triggers the stop", "", "")


def disaster_stop(patient: Patient, report: Report) -> None:
    """Look for a strategy without a stop of its own behind the working one."""
    given = patient.resolved.get("stoploss")
    number = _number(given)
    if number is None or not -1 < number < 0:
        report.error(
            "there is no stop when the strategy's own fails",
            f"stoploss: {given}",
            "set it between -0.95 and -0.01: a share of the margin",
        )
    elif number < -0.95:
        report.warning("the last stop lies behind liquidation", f"stoploss: {number:g}", "raise it")
    else:
        report.ok("a stop stands behind the working one", f"stoploss: {number:g} of the margin")


def force_entry(patient: Patient, report: Report) -> None:
    """Look for entries that a message can force, past every filter."""
    if patient.config.get("force_entry_enable"):
        report.worse(
            patient.live,
            "who reaches the bot can force entries",
            "force_entry_enable: true",
            "set it to false",
        )
    else:
        report.ok("nobody can force entries", "force_entry_enable: false")


def open_orders(patient: Patient, report: Report) -> None:
    """Look for entries that could fill while nobody watches."""
    if patient.config.get("cancel_open_orders_on_exit") is True:
        report.ok("entries do not outlive the bot", "cancel_open_orders_on_exit: true")
    else:
        report.worse(
            patient.live,
            "an entry may fill without a stop after the bot ended",
            f"cancel_open_orders_on_exit: {patient.config.get('cancel_open_orders_on_exit')}",
            "set it to true",
        )


def loop(patient: Patient, report: Report) -> None:
    """Look for a bot that does not begin, or looks too rarely."""
    state = patient.config.get("initial_state")
    if state != "running":
        report.warning("the bot waits for /start", f"initial_state: {state}", 'set it to "running"')
    pause = patient.config.get("internals", {}).get("process_throttle_secs", 5)
    if _number(pause) is None or not 0 < pause <= SLOWEST_LOOP:
        report.worse(
            patient.live,
            "exits are noticed late",
            f"internals.process_throttle_secs: {pause}",
            f"set it to {SLOWEST_LOOP} or less; 5 is usual",
        )
    if not report.found:
        report.ok("the bot runs from its start", f"a look every {pause} s")


def timeouts(patient: Patient, report: Report) -> None:
    """Look for orders that rest without an end."""
    given = patient.resolved.get("unfilledtimeout") or {}
    for kind in ("entry", "exit"):
        number = _number(given.get(kind))
        if number is None or number <= 0:
            report.worse(
                patient.live,
                f"an {kind} order may rest without an end",
                f"unfilledtimeout.{kind}: {given.get(kind)}",
                "set it to 5 minutes",
            )
    if not report.found:
        report.ok("resting orders are canceled", f"{given.get('entry')} {given.get('unit', '')}")


def pricing(patient: Patient, report: Report) -> None:
    """Look for prices that nobody trades at."""
    for name in ("entry_pricing", "exit_pricing"):
        given = patient.config.get(name, {})
        if given.get("price_side") not in {"other", "ask" if name[1] == "n" else "bid"}:
            report.warning(
                "an order at the near side of the book rests and may not fill",
                f"{name}.price_side: {given.get('price_side')}",
                'set it to "other"',
            )
        if not given.get("use_order_book"):
            report.error(
                "Binance futures have no other price than the book",
                f"{name}.use_order_book: {given.get('use_order_book')}",
                "set it to true",
            )
    if not report.found:
        report.ok("orders take the price of the other side of the book")


def pairs(patient: Patient, report: Report) -> None:
    """Look for a whitelist that trades nothing, or not what it seems to."""
    methods = [entry.get("method") for entry in patient.config.get("pairlists", [])]
    if not patient.pairs and (not methods or methods[0] == "StaticPairList"):
        report.error("no pair is traded", "exchange.pair_whitelist: []", "add config/pairs.json")
        return
    wrong = [pair for pair in patient.pairs if not re.fullmatch(r"[^/]+/\w+:\w+", pair)]
    if wrong:
        report.error("not the name of a perpetual", ", ".join(wrong), "write BTC/USDT:USDT")
    stake_currency = patient.config.get("stake_currency", "")
    other = [p for p in patient.pairs if p not in wrong and f"/{stake_currency}:" not in p]
    if other:
        report.error(
            "not traded in the stake currency",
            ", ".join(other),
            f"stake_currency: {stake_currency}",
        )
    twice = {pair for pair in patient.pairs if patient.pairs.count(pair) > 1}
    if twice:
        report.warning("named twice", ", ".join(sorted(twice)), "name each pair once")
    if methods and methods[0] not in {"StaticPairList", None}:
        report.unchecked("pairs that a list chooses are known to Freqtrade only", methods[0])
    if not report.found:
        report.ok("pairs are named as Freqtrade names them", len(patient.pairs))


def urls(patient: Patient, report: Report) -> None:
    """Look for addresses that are not the exchange's: its prices may be invented."""
    given = list(_addresses(patient.config.get("exchange", {})))
    for path, address in given:
        parts = urlsplit(address)
        if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
            report.error(
                "market data come over an open line", f"{path} at {parts.hostname}", "use https"
            )
        elif not patient.dry_run or (patient.live and patient.extra.get("asked_live")):
            report.error(
                "prices come from elsewhere than orders go to",
                f"{path} at {parts.hostname}",
                "leave out config/offline.json and FREQTRADE__EXCHANGE__CCXT_CONFIG__URLS__...",
            )
    if given and not report.found:
        report.info("market data come from another address", urlsplit(given[0][1]).netloc)
    elif not given:
        report.ok("all addresses are the exchange's own")


def database(patient: Patient, report: Report) -> None:
    """Look for a database that forgets, or that mixes invented trades with real ones."""
    url = patient.config.get("db_url")
    if not url:
        report.info(
            "Freqtrade's own name is used",
            "tradesv3.dryrun.sqlite" if patient.dry_run else "tradesv3.sqlite",
        )
    elif url in {"sqlite://", "sqlite:///:memory:"}:
        report.worse(
            patient.live,
            "a restart forgets every open trade",
            "db_url: in memory",
            "name a file: sqlite:///user_data/trades.sqlite",
        )
    elif not patient.dry_run and "dry" in url.rpartition("/")[2].lower():
        report.error(
            "real trades go into the database of the dry run",
            f"db_url: {url.rpartition('/')[2]}",
            "name a file of its own",
        )
    else:
        report.ok("trades are kept", url.rpartition("/")[2])


def api(patient: Patient, report: Report) -> None:
    """Look who can reach the REST API, which encrypts nothing and counts no attempts."""
    server = patient.config.get("api_server", {})
    if not server.get("enabled"):
        report.ok("the REST API is off")
        return
    address = str(server.get("listen_ip_address", ""))
    if not _is_loopback(address):
        from freqtrade.configuration.detect_environment import (  # noqa: PLC0415 - slow
            running_in_docker,
        )

        if running_in_docker():
            report.warning(
                "the REST API listens to the whole container",
                f"api_server.listen_ip_address: {address}",
                "publish the port as 127.0.0.1:8080:8080 only",
            )
        else:
            report.error(
                "the REST API listens to the network",
                f"api_server.listen_ip_address: {address}",
                'set it to "127.0.0.1" and come through an SSH tunnel',
            )
    if server.get("enable_openapi"):
        report.worse(
            patient.live, "the API describes itself", "enable_openapi: true", "set it to false"
        )
    if "*" in server.get("CORS_origins", []):
        report.error(
            "any web page may ask the API in your name", 'CORS_origins: ["*"]', "name the origin"
        )
    if not report.found:
        report.ok("the REST API listens to this computer only", address)


def telegram(patient: Patient, report: Report) -> None:
    """Look for a group in which others command the bot, or may press its buttons."""
    given = patient.config.get("telegram", {})
    if not given.get("enabled"):
        report.ok("Telegram is off")
        return
    group = str(given.get("chat_id", "")).startswith("-")
    if group and not given.get("authorized_users"):
        report.error(
            "everybody in the group commands the bot",
            "telegram.chat_id is a group",
            "use a private chat, or at least list telegram.authorized_users",
        )
    elif group:
        # Freqtrade 2026.9 asks who writes a command, and not who presses a button.
        report.warning(
            "any member of the group can press the buttons of a forced exit",
            "telegram.chat_id is a group",
            "use a private chat; authorized_users does not guard buttons",
        )
    else:
        report.ok("one chat commands the bot")


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return only what a schema knows: JSON's own types."""
    kinds = (str, int, float, bool, list, dict, type(None))
    return {name: deepcopy(value) for name, value in config.items() if isinstance(value, kinds)}


def _number(value: Any) -> float | None:
    """Return a finite number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _is_loopback(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _addresses(value: Any, path: str = "exchange") -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        inner = [_addresses(item, f"{path}.{name}") for name, item in value.items()]
        return [found for group in inner for found in group]
    found = isinstance(value, str) and re.match(r"(https?|wss?)://", value)
    return [(path, str(value))] if found and ".urls." in path else []


CHECKS: dict[str, Callable[[Patient, Report], None]] = {
    "config.loads": loads,
    "config.schema": schema,
    "config.consistency": consistency,
    "config.pack": pack,
    "config.dry_run": dry_run,
    "config.mode": mode,
    "config.leverage": leverage,
    "config.stake": stake,
    "config.open_trades": open_trades,
    "config.total_risk": total_risk,
    "config.stop_on_exchange": stop_on_exchange,
    "config.stop_order": stop_order,
    "config.stop_price": stop_price,
    "config.disaster_stop": disaster_stop,
    "config.force_entry": force_entry,
    "config.open_orders": open_orders,
    "config.loop": loop,
    "config.timeouts": timeouts,
    "config.pricing": pricing,
    "config.pairs": pairs,
    "config.urls": urls,
    "config.database": database,
    "config.api": api,
    "config.telegram": telegram,
}

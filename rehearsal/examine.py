"""Read both sides of a comparison from where a bot and a backtest left them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from providers.coverage import Period
from providers.errors import DataMissingError
from providers.results import Result, read_market, read_result
from providers.storage.journal import FOLDER as JOURNAL
from providers.storage.journal import Journal, find_journals, read_journal
from providers.storage.store import native_path, read_dataset, read_frame
from providers.storage.vetoes import FOLDER as VETOES
from providers.storage.vetoes import find_ledger, read_ledger
from regimekit.inputs import HIGHER_TIMEFRAMES
from regimekit.pipeline import analyze
from regimekit.reports.run import Run
from rehearsal.findings import Interval, Tolerances
from rehearsal.parity import Parity, compare
from rehearsal.records import (
    Record,
    backtest_trades,
    canceled_entries,
    database_trades,
    heartbeats,
    signals_of,
)

STEP = "15m"  # of open interest and taker flow
DETAIL = "1m"
FLOWS = ("taker_flow", "spot_taker_flow")


def examine(
    database: Path,
    result: Path,
    *,
    datadir: Path,
    user_data: Path,
    log: Path | None = None,
    vetoes: Path | None = None,
    window: Period | None = None,
    tolerances: Tolerances | None = None,
    down: Sequence[Interval] | None = None,
    simulated: bool = False,
    strategy: str | None = None,
) -> Parity:
    """Compare a bot with a backtest of the same days.

    Parameters
    ----------
    database : Path
        The bot's, only read.
    result : Path
        The backtest's export.
    datadir : Path
        Candles of both, with those of 1m, which prove prices.
    user_data : Path
        The bot's: its journal and its ledger of refusals lie there.
    log : Path, optional
        The bot's, which names entries that were not filled and tells how long its loops took.
    vetoes : Path, optional
        Folder with the ledger of the backtest, or that file.
    window : Period, optional
        By default what the backtest and the journal have in common.
    down : sequence of Interval, optional
        When the bot could not act; by default what its journal says about starts.

    Raises
    ------
    ProviderError
        A file is missing or damaged; the message names the way out.
    RunError, SettingsError
        The export is none of this pack's.
    """
    export = read_result(result, strategy)
    run = Run.from_export(export.strategy, export.stats, export.config, export.parameters)
    journal = bot_journal(user_data / JOURNAL, run.strategy)
    frames = decided(datadir, run)
    trades, orders, locks = database_trades(database)
    span = Period(run.start.to_pydatetime(), run.end.to_pydatetime())
    window = window or _common(span, journal, run.step)
    tradable = float(export.config.get("tradable_balance_ratio", 1.0))
    live = Record(
        trades=trades,
        signals=journal.rows[journal.rows["pair"].isin(run.pairs)],
        refusals=_bot_refusals(user_data / VETOES, run.strategy),
        locks=locks,
        canceled=Record().canceled if log is None else canceled_entries(log),
        orders=orders,
        starts=journal.starts,
        beats=() if log is None else heartbeats(log),
        balance=run.starting_balance,
        tradable=tradable,
    )
    backtest = Record(
        trades=backtest_trades(run, frames),
        signals=signals_of(frames, window.start - run.step, window.end, run.step),
        refusals=_backtest_refusals(vetoes, export),
        balance=run.starting_balance,
        tradable=tradable,
    )
    return compare(
        live,
        backtest,
        window=window,
        step=run.step,
        settings=run.settings,
        minutes=_minutes(datadir, run),
        span=span,
        down=down,
        tolerances=tolerances,
        most_open=run.max_open_trades if run.max_open_trades >= 0 else float("inf"),
        strategy=run.strategy,
        simulated=simulated,
    )


def bot_journal(folder: Path, strategy: str) -> Journal:
    """Return the journal of the one bot that wrote into `folder`.

    Raises
    ------
    DataMissingError
        There is none, or there are several.
    """
    found = find_journals(folder, strategy)
    if len(found) != 1:
        names = ", ".join(path.name for path in found)
        raise DataMissingError(
            f"{folder} holds {names or 'no journal'} of {strategy}; "
            + (
                "move all but the one to compare elsewhere"
                if found
                else "a bot with regimekit.journal.enabled writes one, in its own user_data"
            )
        )
    return read_journal(found[0])


def decided(datadir: Path, run: Run) -> dict[str, pd.DataFrame]:
    """Return every pair's candles with the decisions that follow from the files in `datadir`."""
    timeframes = dict.fromkeys([run.timeframe, *HIGHER_TIMEFRAMES])
    market = read_market(datadir, run.pairs, timeframes, futures=run.trading_mode == "futures")
    frames = {}
    for pair, series in market.items():
        candles = series.get(run.timeframe)
        if candles is None or candles.empty:
            continue
        inputs, nothing = run.settings.inputs, candles.iloc[:0]
        flow, spot_flow = (
            _stored(datadir, name, pair) if inputs.taker_flow else None for name in FLOWS
        )
        frames[pair] = analyze(
            candles,
            {name: series.get(name, nothing) for name in HIGHER_TIMEFRAMES},
            series.get("funding_rate", pd.DataFrame({"date": nothing["date"], "funding_rate": []})),
            run.settings,
            timeframe=run.step,
            open_interest=_open_interest(datadir, pair) if inputs.open_interest else None,
            taker_flow=flow,
            spot_taker_flow=spot_flow,
        )
    return frames


def _minutes(datadir: Path, run: Run) -> dict[str, pd.DataFrame]:
    market = read_market(datadir, run.pairs, [DETAIL], futures=run.trading_mode == "futures")
    return {pair: series[DETAIL] for pair, series in market.items() if DETAIL in series}


def _common(span: Period, journal: Journal, step: timedelta) -> Period:
    """Return what a backtest and a journal both cover."""
    candles = journal.rows["candle"]
    if candles.empty:
        return span
    first, last = candles.min().to_pydatetime(), candles.max().to_pydatetime()
    return Period(max(span.start, first), min(span.end, last + step))


def _bot_refusals(folder: Path, strategy: str) -> pd.DataFrame:
    rows = [
        read_ledger(path).rows
        for mode in ("dry_run", "live")
        for path in sorted(folder.glob(f"{strategy}-{mode}-*.jsonl"))
    ]
    return pd.concat(rows, ignore_index=True) if rows else Record().refusals


def _backtest_refusals(vetoes: Path | None, export: Result) -> pd.DataFrame:
    if vetoes is not None and vetoes.is_file():
        return read_ledger(vetoes).rows
    began = export.stats.get("backtest_run_start_ts")
    if vetoes is None or began is None:
        return Record().refusals
    timerange = str(export.stats.get("timerange") or "")
    started = datetime.fromtimestamp(int(began), UTC)
    path = find_ledger(vetoes, export.strategy, started, timerange=timerange)
    return Record().refusals if path is None else read_ledger(path).rows


def _stored(datadir: Path, dataset: str, pair: str) -> pd.DataFrame | None:
    """Return rows of our store; None where there are none, as for a strategy."""
    try:
        rows = read_dataset(datadir, dataset, pair, timeframe=STEP)
    except DataMissingError:
        return None
    return None if rows.empty else rows


def _open_interest(datadir: Path, pair: str) -> pd.DataFrame | None:
    path = native_path(datadir, pair, STEP, "open_interest")
    return read_frame(path) if path.exists() else None

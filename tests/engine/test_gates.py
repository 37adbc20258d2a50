"""The gates in the real backtest engine, recounted from the trades that it exports."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from providers.storage.vetoes import FOLDER, find_ledger, read_ledger
from regimekit.schema import Gate
from regimekit.settings import GateSettings
from tests.described import overlay
from tests.engine.bot import NO_LEDGER, SPEC, Bot
from tests.engine.test_commands import own_userdir

pytestmark = [pytest.mark.freqtrade, pytest.mark.xdist_group("backtest")]

STRATEGIES = "tests/engine/strategies"
CANDLE = pd.Timedelta(minutes=15)
# What other limits would refuse shall not hide what the one under test lets through.
OFF = {
    "exit_candle": False,
    "cooldown_loss_bars": 0,
    "cooldown_profit_bars": 0,
    "entries_per_candle": 0,
    "entries_per_hour": 0,
    "entries_per_day": 0,
    "same_direction": 0,
    "daily_loss": 1.0,
    "drawdown_stop": 1.0,
    "total_at_risk": 1.0,
    "reward_share": 0.0,
}


def trades_of(
    bot: Bot,
    gates: dict[str, Any],
    *options: str,
    sections: dict[str, Any] | None = None,
    **arguments: Any,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Backtest and return the trades in the order they were opened, and the whole result."""
    run, result = bot.backtest(
        f"--strategy-path={STRATEGIES}",
        *options,
        settings={"max_open_trades": 4, "regimekit": overlay({"gates": gates}, sections or {})},
        **arguments,
    )
    assert run.ok, run.explain()
    trades = pd.DataFrame(result["trades"])
    for name in ("open_date", "close_date"):
        trades[name] = pd.to_datetime(trades[name], utc=True)
    return trades.sort_values("open_date", kind="stable", ignore_index=True), result


def candles(datadir: Path, pair: str) -> pd.DataFrame:
    name = pair.replace("/", "_").replace(":", "_")
    frame = pd.read_feather(datadir / "futures" / f"{name}-15m-futures.feather")
    return frame.set_index(pd.to_datetime(frame["date"], utc=True))


def impossible_reversals(trades: pd.DataFrame, datadir: Path) -> pd.DataFrame:
    """Return entries at the open of a candle within which the pair's last trade was stopped.

    At that open the stop was not hit yet: its price lies elsewhere in the candle.
    """
    found = []
    for pair, own in trades.groupby("pair"):
        market = candles(datadir, pair)
        earlier = own.shift()
        same = own["open_date"].eq(earlier["close_date"]) & own["open_date"].gt(
            earlier["open_date"]
        )
        stopped = earlier["exit_reason"].isin(["stop_loss", "trailing_stop_loss"])
        opens = market["open"].reindex(own["open_date"]).to_numpy()
        at_the_open = own["open_rate"].eq(opens) & earlier["close_rate"].ne(opens)
        opposite = own["is_short"].ne(earlier["is_short"].astype(bool))
        found.append(own[same & stopped & at_the_open & opposite])
    return pd.concat(found)


def test_a_reversal_after_a_stop_is_not_filled_at_a_price_from_before_it(bot, simulated):
    """What a plain backtest does by itself, and what the gate makes of it."""
    days = {"strategy": "Reverses", "pairs": SPEC.pairs[:2], "timerange": "20260101-20260104"}
    ungated, _ = trades_of(bot, OFF, **days)
    reversals = impossible_reversals(ungated, simulated)
    assert len(reversals) > 20
    gated, _ = trades_of(bot, {**OFF, "exit_candle": True}, **days)
    assert len(gated) > 100
    assert impossible_reversals(gated, simulated).empty
    for _, own in gated.groupby("pair"):
        assert not own["open_date"].eq(own["close_date"].shift()).any()


TRADABLE = 0.99  # the share of the wallet that config/base.json lets the bot use
THRESHOLDS = {
    "momentum": {"momentum_min_confidence": 0.3},
    "mean_reversion": {"mean_reversion_min_confidence": 0.3},
    "breakout": {"breakout_min_confidence": 0.3},
    # A small position each, so that neither a loss nor a wallet ends the run early.
    "risk": {"base_fraction": 0.02},
}
EAGER = {"sections": THRESHOLDS, "timerange": "20260101-20260115"}


@pytest.fixture(scope="module")
def userdir(tmp_path_factory):
    return tmp_path_factory.mktemp("limited")


@pytest.fixture(scope="module")
def limited(exchange, simulated, userdir):
    """RegimeRouter with low thresholds and the shipped limits; it writes its refusals down."""
    bot = Bot(exchange, simulated, userdir)
    written = dict.fromkeys(NO_LEDGER, "true")
    return trades_of(bot, {}, *own_userdir(userdir), environment=written, **EAGER)


@pytest.fixture(scope="module")
def unlimited(exchange, simulated, tmp_path_factory):
    """The same without limits, to know that there is something to limit."""
    return trades_of(Bot(exchange, simulated, tmp_path_factory.mktemp("unlimited")), OFF, **EAGER)


LIMITS = GateSettings()


def most_entries(trades: pd.DataFrame, minutes: int) -> int:
    """Return the largest number of entries in a window of candles of that length."""
    opened = trades["open_date"]
    window = pd.Timedelta(minutes=minutes)
    return max(int((opened.gt(end - window) & opened.le(end)).sum()) for end in opened)


def most_of_one_direction(trades: pd.DataFrame) -> int:
    """Return the largest number of trades of a side that were open at an entry, it included.

    A trade that closes within a candle was open at the candle's open.
    """
    counts = []
    for trade in trades.itertuples():
        alike = trades[trades["is_short"] == trade.is_short]
        at_entry = alike["open_date"].le(trade.open_date) & alike["close_date"].ge(trade.open_date)
        counts.append(int(at_entry.sum()))
    return max(counts)


def broken_rests(trades: pd.DataFrame) -> list[str]:
    """Return entries that came sooner after their pair's last exit than the cooldown allows."""
    broken = []
    for pair, own in trades.groupby("pair"):
        losses = 0
        for earlier, later in zip(
            own.iloc[:-1].itertuples(), own.iloc[1:].itertuples(), strict=True
        ):
            losses = losses + 1 if earlier.profit_abs < 0 else 0
            wait = LIMITS.cooldown_loss_bars if losses else LIMITS.cooldown_profit_bars
            if losses >= LIMITS.losses_to_double:
                wait *= 2
            if (later.open_date - earlier.close_date) / CANDLE <= wait:
                broken.append(f"{pair} {later.open_date}: {losses} losses")
    return broken


def test_entries_per_candle_hour_and_day_hold(limited, unlimited):
    limits = (LIMITS.entries_per_candle, LIMITS.entries_per_hour, LIMITS.entries_per_day)
    for minutes, limit in zip((15, 60, 24 * 60), limits, strict=True):
        assert most_entries(limited[0], minutes) == limit
        assert most_entries(unlimited[0], minutes) > limit


def test_trades_of_one_direction_hold(limited, unlimited):
    assert most_of_one_direction(limited[0]) == LIMITS.same_direction
    assert most_of_one_direction(unlimited[0]) > LIMITS.same_direction


def test_pairs_rest_after_their_exits(limited, unlimited):
    assert broken_rests(limited[0]) == []
    assert broken_rests(unlimited[0])


def entries_after_too_much_loss(trades: pd.DataFrame, starting: float, limit: float) -> int:
    """Count entries on days on which the limit had been lost already."""
    count = 0
    for opened in trades["open_date"]:
        known = trades[trades["close_date"] < opened]
        today = known["close_date"] >= opened.normalize()
        equity = starting + known.loc[~today, "profit_abs"].sum()
        count += known.loc[today, "profit_abs"].sum() <= -limit * equity
    return count


def test_a_lost_day_ends_entries(bot, unlimited):
    """With a limit small enough to be met within two weeks."""
    free, result = unlimited
    starting = result["starting_balance"] * TRADABLE
    assert entries_after_too_much_loss(free, starting, 0.003) > 0
    halted, _ = trades_of(bot, {**OFF, "daily_loss": 0.003}, **EAGER)
    assert entries_after_too_much_loss(halted, starting, 0.003) == 0
    assert len(halted) > 20


def test_a_drawdown_ends_entries_until_a_person_resumes(bot, unlimited):
    free, result = unlimited
    starting = result["starting_balance"] * TRADABLE
    assert worst_drawdown_at_entries(free, starting) > 0.01
    gates = {**OFF, "drawdown_stop": 0.01}
    stopped, _ = trades_of(bot, gates, **EAGER)
    assert worst_drawdown_at_entries(stopped, starting) < 0.01
    day = stopped["open_date"].iloc[-1].ceil("D")
    resumed, _ = trades_of(bot, {**gates, "drawdown_since": f"{day:%Y-%m-%d}"}, **EAGER)
    assert (free["open_date"] > day).any()
    assert (resumed["open_date"] > day).any()


def worst_drawdown_at_entries(trades: pd.DataFrame, starting: float) -> float:
    """Return the worst realized drawdown that was known when the last entry was made."""
    known = trades[trades["close_date"] < trades["open_date"].iloc[-1]]
    equity = starting + known.sort_values("close_date", kind="stable")["profit_abs"].cumsum()
    peak = equity.cummax().clip(lower=starting)
    return float((1 - equity / peak).max())


def test_every_refusal_is_in_the_ledger_of_the_run(limited, userdir):
    trades, result = limited
    began = datetime.fromtimestamp(result["backtest_run_start_ts"], UTC)
    ledger = find_ledger(userdir / FOLDER, "RegimeRouter", began, timerange=EAGER["timerange"])
    refusals = read_ledger(ledger).rows
    gates = {gate.label for gate in (Gate.COOLDOWN, Gate.CANDLE, Gate.DAY, Gate.SAME_DIRECTION)}
    assert (
        gates <= set(refusals["gate"]) <= {gate.label for gate in Gate if gate >= Gate.CONFIDENCE}
    )
    sides = trades["is_short"].map({True: "short", False: "long"})
    entered = set(zip(trades["open_date"], trades["pair"], sides, strict=True))
    refused = set(zip(refusals["at"], refusals["pair"], refusals["side"], strict=True))
    assert len(refused) > 20
    assert not entered & refused


def test_every_pair_took_part(limited):
    assert set(limited[0]["pair"]) == set(SPEC.pairs)

"""Puts a market together: one factor that moves all pairs, and what each pair does on its own."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replay.simulator import derivatives, sentiment, snapshots
from replay.simulator.clock import BAR_MINUTES, BARS_PER_DAY, Clock
from replay.simulator.contracts import CONTRACTS, Contract
from replay.simulator.flow import Tape, taker_flow, tapes
from replay.simulator.noise import Floats, stream
from replay.simulator.positioning import impact, positioning
from replay.simulator.prices import Candles, Walk, bar_returns, candles, walk
from replay.simulator.regimes import episodes
from replay.simulator.spec import MarketSpec

FACTOR_VOLATILITY = 21e-4  # standard deviation of the market's 15m log return

Progress = Callable[[str], None]


@dataclass(frozen=True)
class PairMarket:
    """Everything about one pair; frames are dated by candle open, UTC, on a 15m grid.

    Parameters
    ----------
    pair : str
        The perpetual, for example ``BTC/USDT:USDT``.
    futures, spot : DataFrame
        Candles: date, open, high, low, close, volume (base coin).
    mark, mark_5m : DataFrame
        Candles of the mark price, 1h and 5m; volume is 0.
    funding_rate : DataFrame
        date (settlement instant), funding_rate (fraction per interval).
    open_interest : DataFrame
        Snapshots at the label: date, open_interest_amount (base), open_interest_value (quote).
    taker_flow, spot_taker_flow : DataFrame
        date, volume (base), quote_volume (quote), taker_buy_volume (base),
        taker_buy_quote_volume (quote), trades (count).
    open_interest_5m : DataFrame
        `open_interest` and two snapshots after each of its rows.
    long_short_ratio : DataFrame
        Every 5m: date, global_account_ratio, top_account_ratio, top_position_ratio.
    basis : DataFrame
        Every 5m: date, index_price, futures_price, basis (quote), basis_rate (fraction).
    premium_index : DataFrame
        Candles of the premium, 1h: date, open, high, low, close (fractions).
    truth : DataFrame
        What no exchange tells, and what is therefore never written: date; ``regime``, a `Regime`
        code of the market factor; ``crowding``, about standard normal, > 0 is long, at the open;
        ``flushed``, log open interest liquidated during the bar.
    """

    pair: str
    futures: pd.DataFrame
    spot: pd.DataFrame
    mark: pd.DataFrame
    mark_5m: pd.DataFrame
    funding_rate: pd.DataFrame
    open_interest: pd.DataFrame
    taker_flow: pd.DataFrame
    spot_taker_flow: pd.DataFrame
    open_interest_5m: pd.DataFrame
    long_short_ratio: pd.DataFrame
    basis: pd.DataFrame
    premium_index: pd.DataFrame
    truth: pd.DataFrame


@dataclass(frozen=True)
class Market:
    """A simulated market: what was asked for and, by pair name, what came of it.

    `sentiment` is about no pair: daily frames by dataset, ``fear_greed`` and ``senticrypt``.
    """

    spec: MarketSpec
    pairs: Mapping[str, PairMarket]
    sentiment: Mapping[str, pd.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Factor:
    """What all pairs have in common; regime codes and cascade luck per bar."""

    walk: Walk
    regimes: NDArray[np.int8]
    luck: Floats


def simulate(spec: MarketSpec, progress: Progress | None = None) -> Market:
    """Simulate the markets that `spec` describes.

    `progress` is called with the name of each pair once it is done.
    """
    clock = Clock(spec.first, (spec.warmup_days + spec.days) * BARS_PER_DAY)
    factor = _factor(spec.seed, clock)
    pairs: dict[str, PairMarket] = {}
    for pair in spec.pairs:
        pairs[pair] = _pair_market(pair, spec.seed, clock, factor)
        if progress is not None:
            progress(pair)
    return Market(spec, pairs, _sentiment(spec.seed, clock, factor))


def _sentiment(seed: int, clock: Clock, factor: _Factor) -> dict[str, pd.DataFrame]:
    return {
        name: make(stream(seed, "sentiment", name), clock, factor.walk, FACTOR_VOLATILITY)
        for name, make in (
            ("fear_greed", sentiment.fear_greed),
            ("senticrypt", sentiment.senticrypt),
        )
    }


def _factor(seed: int, clock: Clock) -> _Factor:
    regimes = episodes(stream(seed, "factor", "regimes"), clock.bars)
    codes = np.concatenate([np.full(e.end - e.begin, int(e.regime), np.int8) for e in regimes])
    moves = walk(stream(seed, "factor", "prices"), clock, regimes, FACTOR_VOLATILITY)
    return _Factor(moves, codes, stream(seed, "factor", "cascades").random(clock.bars))


def _pair_market(pair: str, seed: int, clock: Clock, factor: _Factor) -> PairMarket:
    contract = CONTRACTS[pair]
    regimes = episodes(stream(seed, pair, "regimes"), clock.bars)
    own = walk(stream(seed, pair, "prices"), clock, regimes, contract.own_volatility)
    volatility = np.hypot(contract.beta * factor.walk.volatility, own.volatility)
    typical = math.hypot(contract.beta * FACTOR_VOLATILITY, contract.own_volatility)

    unlevered = contract.beta * factor.walk.path + own.path
    held = positioning(
        stream(seed, pair, "positions"),
        bar_returns(unlevered),
        volatility,
        typical=typical,
        luck=factor.luck,
    )
    index = math.log(contract.price) + unlevered + impact(stream(seed, pair, "impact"), held)
    premiums = derivatives.premium(stream(seed, pair, "premium"), held)
    perpetual = index + np.log1p(premiums)
    mark = derivatives.mark_path(index, premiums)
    marked = np.exp(np.append(mark[0], mark[BAR_MINUTES - 1 :: BAR_MINUTES][:-1]))

    returns = bar_returns(perpetual)
    tape, spot_tape = tapes(stream(seed, pair, "flow"), clock, contract, held, returns, volatility)
    shapes = stream(seed, pair, "candles")
    futures = _frame(clock, candles(shapes, perpetual, volatility), tape, contract)
    spot = _frame(clock, candles(shapes, index, volatility), spot_tape, contract)
    levels = stream(seed, pair, "open interest")
    quarters = derivatives.open_interest(levels, clock, contract, held, marked)
    steps, marks = stream(seed, pair, "open interest 5m"), np.exp(snapshots.at_snapshots(mark))
    accounts = stream(seed, pair, "long short ratio")
    truth = {"date": clock.dates, "regime": factor.regimes}
    return PairMarket(
        pair=pair,
        futures=futures,
        spot=spot,
        mark=derivatives.mark_candles(clock, mark, contract),
        mark_5m=derivatives.mark_candles(clock, mark, contract, snapshots.STEP_MINUTES),
        funding_rate=derivatives.funding(clock, contract, premiums),
        open_interest=quarters,
        taker_flow=taker_flow(futures, tape, contract),
        spot_taker_flow=taker_flow(spot, spot_tape, contract),
        open_interest_5m=snapshots.open_interest(steps, clock, contract, quarters, marks),
        long_short_ratio=snapshots.long_short_ratio(accounts, clock, held.crowding),
        basis=snapshots.basis(clock, contract, index, premiums),
        premium_index=snapshots.premium_index(clock, premiums),
        truth=pd.DataFrame({**truth, "crowding": held.crowding, "flushed": held.flushed}),
    )


def _frame(clock: Clock, shape: Candles, tape: Tape, contract: Contract) -> pd.DataFrame:
    """Return a candle frame with prices on the tick and volumes on the step, at least one each."""
    decimals = contract.price_decimals
    prices = [np.maximum(np.round(price, decimals), contract.tick) for price in shape]
    volume = np.round(tape.turnover / shape.close, contract.volume_decimals)
    return pd.DataFrame(
        {
            "date": clock.dates,
            **dict(zip(Candles._fields, prices, strict=True)),
            "volume": np.maximum(volume, contract.step),
        }
    )

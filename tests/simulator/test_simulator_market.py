"""What holds for every simulated market, whatever the seed."""

import doctest
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

from replay.simulator import MarketSpec, PairMarket, derivatives, simulate
from replay.simulator.contracts import CONTRACTS
from replay.simulator.derivatives import funding_rate
from replay.simulator.noise import stream

DATASETS = [field.name for field in fields(PairMarket) if field.name != "pair"]


def same(one: PairMarket, other: PairMarket) -> bool:
    return all(getattr(one, name).equals(getattr(other, name)) for name in DATASETS)


def test_the_same_spec_gives_the_same_market(small, small_spec):
    again = simulate(small_spec)
    assert all(same(small.pairs[pair], again.pairs[pair]) for pair in small_spec.pairs)


def test_another_seed_gives_another_market(small, small_spec):
    other = simulate(replace(small_spec, seed=4))
    assert not any(same(small.pairs[pair], other.pairs[pair]) for pair in small_spec.pairs)


def test_a_pair_does_not_notice_the_others(small, small_spec):
    fewer = simulate(replace(small_spec, pairs=("LINK/USDT:USDT", "BTC/USDT:USDT")))
    assert all(same(fewer.pairs[pair], small.pairs[pair]) for pair in fewer.spec.pairs)


def test_streams_are_told_apart_by_seed_and_name():
    draws = [stream(*key).random() for key in [(1, "a", "b"), (2, "a", "b"), (1, "a", "c")]]
    assert len(set(draws)) == 3
    assert stream(1, "a", "b").random() == draws[0]


def test_progress_names_every_pair(small_spec):
    done: list[str] = []
    simulate(small_spec, done.append)
    assert tuple(done) == small_spec.pairs


def test_frames_lie_on_their_grids_without_gaps(small, small_spec):
    for traded in small.pairs.values():
        for name in ("futures", "spot", "open_interest", "taker_flow", "spot_taker_flow"):
            dates = getattr(traded, name)["date"]
            assert dates.dtype == "datetime64[ms, UTC]", name
            assert dates.iloc[0] == small_spec.first
            assert dates.iloc[-1] == small_spec.end - pd.Timedelta("15min")
            assert dates.diff().dropna().eq(pd.Timedelta("15min")).all()
        assert traded.mark["date"].diff().dropna().eq(pd.Timedelta("1h")).all()
        assert len(traded.mark) * 4 == len(traded.futures)


def test_no_value_is_missing_and_numbers_are_floats(small):
    for traded in small.pairs.values():
        for name in DATASETS:
            frame = getattr(traded, name)
            assert not frame.isna().any().any(), name
            numbers = frame.drop(columns=["date", "trades", "regime"], errors="ignore")
            assert (numbers.dtypes == np.float64).all(), name
            assert np.isfinite(numbers.to_numpy()).all(), name


@pytest.mark.parametrize("kind", ["futures", "spot", "mark"])
def test_candles_enclose_their_open_and_close(small, kind):
    for traded in small.pairs.values():
        candles = getattr(traded, kind)
        assert (candles["high"] >= candles[["open", "close"]].max(axis=1)).all()
        assert (candles["low"] <= candles[["open", "close"]].min(axis=1)).all()
        assert (candles["low"] > 0).all()
        pd.testing.assert_series_equal(
            candles["open"][1:], candles["close"].shift()[1:], check_names=False
        )


def test_prices_lie_on_the_tick_and_volumes_on_the_step(small):
    for pair, traded in small.pairs.items():
        contract = CONTRACTS[pair]
        prices = traded.futures[["open", "high", "low", "close"]]
        assert prices.equals(prices.round(contract.price_decimals))
        volumes = traded.futures["volume"]
        assert volumes.equals(volumes.round(contract.volume_decimals))
        assert (volumes >= contract.step).all()


@pytest.mark.parametrize("market_type", ["futures", "spot"])
def test_takers_buy_part_of_the_volume(small, market_type):
    for traded in small.pairs.values():
        candles = getattr(traded, market_type)
        flow = traded.taker_flow if market_type == "futures" else traded.spot_taker_flow
        assert flow["taker_buy_volume"].between(0, candles["volume"]).all()
        price = flow["taker_buy_quote_volume"] / flow["taker_buy_volume"]
        assert price.dropna().between(candles["low"] * 0.999, candles["high"] * 1.001).all()
        assert (flow["trades"] >= 1).all()


def test_funding_settles_when_the_exchange_would(small, small_spec):
    hours = {
        pair: traded.funding_rate["date"].diff().dropna().dt.total_seconds().div(3600).unique()
        for pair, traded in small.pairs.items()
    }
    assert {pair[:4]: sorted(found) for pair, found in hours.items()} == {
        "BTC/": [8.0],
        "SOL/": [8.0],
        "AVAX": [4.0],
        "LINK": [4.0, 8.0],
    }
    for traded in small.pairs.values():
        dates = traded.funding_rate["date"]
        assert dates.dtype == "datetime64[ms, UTC]"
        assert dates.dt.floor("4h").equals(dates)
        assert dates.is_monotonic_increasing
        assert dates.iloc[-1] == small_spec.end


def test_funding_follows_the_published_formula():
    for premium in (-0.003, -0.0004, 0.0, 0.0004, 0.0008):
        pull = np.clip(0.0001 - premium, -0.0005, 0.0005)
        assert funding_rate(np.full(480, premium)) == pytest.approx(premium + pull)
        assert funding_rate(np.full(240, premium)) == pytest.approx((premium + pull) / 2)


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(derivatives).failed == 0


def test_the_minutes_before_a_settlement_count_more():
    rising = np.linspace(-0.002, 0.002, 480)
    assert funding_rate(rising) > funding_rate(rising[::-1])


def test_open_interest_is_known_before_the_bar_it_labels(small):
    """A liquidation shows in the snapshot after its bar; the label's own bar is the future."""
    for traded in small.pairs.values():
        change = np.log(traded.open_interest["open_interest_amount"]).diff().shift(-1)
        flushed = traded.truth["flushed"] > 0.02
        if flushed.any():
            assert (change[flushed] < -0.01).all()


def test_snapshots_lie_on_a_grid_of_five_minutes(small, small_spec):
    for traded in small.pairs.values():
        for name in ("open_interest_5m", "long_short_ratio", "basis", "mark_5m"):
            dates = getattr(traded, name)["date"]
            assert dates.dtype == "datetime64[ms, UTC]", name
            assert dates.iloc[0] == small_spec.first
            assert dates.iloc[-1] == small_spec.end - pd.Timedelta("5min")
            assert dates.diff().dropna().eq(pd.Timedelta("5min")).all()


def test_five_minute_open_interest_is_valued_at_the_mark_price(small):
    """The labels of archived open interest are told apart by this price."""
    for traded in small.pairs.values():
        held = traded.open_interest_5m
        implied = held["open_interest_value"] / held["open_interest_amount"]
        marks, later = traded.mark_5m["open"], traded.mark_5m["open"].shift(-1)
        right, wrong = (implied / marks - 1).abs().median(), (implied / later - 1).abs().median()
        assert right < 1e-5
        assert wrong > 20 * right


def test_accounts_follow_the_crowd_and_not_the_coming_bars(small):
    for traded in small.pairs.values():
        crowd = traded.truth["crowding"].repeat(3).to_numpy()
        ratio = np.log(traded.long_short_ratio["global_account_ratio"])
        assert np.corrcoef(crowd, ratio)[0, 1] > 0.4
        # Within a bar the crowd of its open counts: the rest is noise without a trend
        within = ratio.diff().to_numpy().reshape(-1, 3)[:, 1:].sum(axis=1)
        step = traded.truth["crowding"].diff().shift(-1).to_numpy()
        assert abs(np.corrcoef(within[:-1], step[:-1])[0, 1]) < 0.1


def test_basis_is_what_perpetual_and_spot_say(small):
    for traded in small.pairs.values():
        quarters = traded.basis.iloc[::3].reset_index(drop=True)
        assert (quarters["futures_price"] / traded.futures["open"] - 1).abs().max() < 1e-9
        assert (quarters["index_price"] / traded.spot["open"] - 1).abs().max() < 1e-3
        rows = traded.basis
        apart = rows["futures_price"] - rows["index_price"]
        assert np.allclose(rows["basis"], apart, atol=1e-8)
        assert np.allclose(rows["basis_rate"], apart / rows["index_price"], atol=5.1e-5)


def test_the_premium_encloses_the_basis(small):
    for traded in small.pairs.values():
        hours = traded.basis.assign(rate=lambda rows: rows["basis"] / rows["index_price"])
        by_hour = hours.resample("1h", on="date")["rate"].agg(["min", "max"]).reset_index()
        premium = traded.premium_index
        slack = 2e-4  # prices are on the tick
        assert (premium["low"] - slack <= by_hour["min"]).all()
        assert (premium["high"] + slack >= by_hour["max"]).all()


def test_sentiment_knows_no_pair_and_no_future(small, small_spec):
    fewer = simulate(replace(small_spec, pairs=("BTC/USDT:USDT",)))
    for name, frame in small.sentiment.items():
        assert frame.equals(fewer.sentiment[name]), name
        assert frame["date"].dt.normalize().equals(frame["date"])
    assert small.sentiment["fear_greed"]["date"].iloc[-1] == small_spec.end
    assert small.sentiment["senticrypt"]["date"].iloc[-1] == small_spec.end - pd.Timedelta("1D")


def test_open_interest_value_is_the_amount_at_the_mark_price(small):
    for traded in small.pairs.values():
        held = traded.open_interest
        price = held["open_interest_value"] / held["open_interest_amount"]
        assert (price / traded.futures["open"] - 1).abs().max() < 0.01


@pytest.mark.parametrize("seed", range(3))
def test_prices_stay_plausible_for_years(seed):
    pairs = ("BTC/USDT:USDT", "SUI/USDT:USDT", "TRX/USDT:USDT")
    market = simulate(MarketSpec(pairs=pairs, days=730, seed=seed))
    for traded in market.pairs.values():
        relative = traded.futures["close"] / traded.futures["close"].iloc[0]
        assert relative.between(1 / 30, 30).all()

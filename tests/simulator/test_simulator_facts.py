"""The stylized facts: looser than any one seed needs, tight enough that noise would fail.

Cont, R. (2001). Empirical properties of asset returns. *Quantitative Finance* 1(2).
"""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import talib

from regimekit.schema import Regime

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "binance"


def autocorrelation(series: pd.Series, lag: int) -> float:
    return float(series.corr(series.shift(lag)))


def log_returns(candles: pd.DataFrame, bars: int = 1) -> pd.Series:
    return np.log(candles["close"]).diff(bars).dropna()


def basis(traded) -> pd.Series:
    return traded.futures["close"] / traded.spot["close"] - 1


def imbalance(flow: pd.DataFrame, candles: pd.DataFrame) -> pd.Series:
    return 2 * flow["taker_buy_volume"] / candles["volume"] - 1


def cascades(traded) -> pd.Index:
    """First bar of each cascade."""
    flushed = traded.truth["flushed"] > 0
    return flushed.index[flushed & ~flushed.shift(fill_value=False)]


def test_returns_have_fat_tails(market):
    for traded in market.pairs.values():
        assert log_returns(traded.futures).kurtosis() > 3


def test_returns_hardly_remember_themselves(market):
    for traded in market.pairs.values():
        returns = log_returns(traded.futures)
        memory = [autocorrelation(returns, lag) for lag in range(1, 11)]
        assert np.abs(memory).max() < 0.09  # a single cascade can make 0.06 at one lag
        assert np.abs(memory).mean() < 0.03


def test_volatility_clusters_for_a_day_and_longer(market):
    for traded in market.pairs.values():
        size = log_returns(traded.futures).abs()
        assert autocorrelation(size, 1) > 0.15
        assert autocorrelation(size, 96) > 0.03
        assert autocorrelation(size, 1) > autocorrelation(size, 48)


def test_pairs_move_together(market):
    hourly = {p: log_returns(t.futures.iloc[3::4]) for p, t in market.pairs.items()}
    together = [hourly[one].corr(hourly[other]) for one, other in combinations(hourly, 2)]
    assert 0.3 < np.mean(together) < 0.9


def test_candles_are_as_long_as_a_random_walk_makes_them(market):
    """The mean range of a Brownian bar is twice its mean absolute return."""
    for traded in market.pairs.values():
        candles = traded.futures
        reach = np.log(candles["high"] / candles["low"]).mean()
        assert 1.8 < reach / log_returns(candles).abs().mean() < 2.2


def test_volume_follows_the_size_of_the_move(market):
    for traded in market.pairs.values():
        volume, size = traded.futures["volume"], log_returns(traded.futures).abs()
        assert np.log(volume).corr(np.log(size + 1e-5)) > 0.35
        assert autocorrelation(np.log(volume), 1) > 0.5


def test_afternoons_are_busier_than_nights_and_weekends_are_quiet(market):
    for traded in market.pairs.values():
        volume, dates = traded.futures["volume"], traded.futures["date"].dt
        assert volume[dates.hour.isin([14, 15, 16])].mean() > 1.3 * volume.mean()
        assert volume[dates.day_of_week >= 5].mean() < 0.8 * volume.mean()


def test_every_regime_takes_its_share_of_the_time(market):
    for traded in market.pairs.values():
        prices = [traded.futures[name].to_numpy() for name in ("high", "low", "close")]
        adx, atr = talib.ADX(*prices), talib.ATR(*prices)
        assert 0.25 < np.nanmean(adx > 25) < 0.65
        assert 0.20 < np.nanmean(adx < 20) < 0.60
        assert 0.004 < np.nanmean(atr > 1.5 * talib.SMA(atr, 20)) < 0.10
        shares = traded.truth["regime"].value_counts(normalize=True)
        assert shares[int(Regime.VOLATILE)] > 0.02
        assert shares[[int(Regime.RANGING), int(Regime.TRENDING)]].min() > 0.2


def test_regimes_last_from_hours_to_days(market):
    regime = next(iter(market.pairs.values())).truth["regime"]
    hours = regime.groupby(regime.ne(regime.shift()).cumsum()).size() / 4
    assert hours.iloc[:-1].min() >= 1
    assert 4 < hours.median() < 48
    assert hours.max() < 10 * 24


def test_the_basis_is_small_and_returns_to_its_mean(market):
    for traded in market.pairs.values():
        premium = basis(traded)
        assert premium.std() < 1e-3
        assert abs(premium.mean()) < 1e-3
        assert autocorrelation(premium, 1) > 0.5
        assert autocorrelation(premium, 5 * 96) < 0.6


def test_funding_follows_the_premium_it_settles(market):
    for traded in market.pairs.values():
        settled = traded.funding_rate
        interval = settled["date"].diff().dt.total_seconds().bfill() / 3600
        premium = basis(traded).set_axis(traded.futures["date"]).rolling("8h").mean()
        at_settlement = premium.reindex(settled["date"] - pd.Timedelta("15min"), method="ffill")
        rate = settled["funding_rate"] * 8 / interval
        assert np.corrcoef(rate, at_settlement)[0, 1] > 0.5
        assert rate.between(-0.006, 0.006).all()
        assert rate.nunique() > 50


def test_the_crowd_pays(market):
    """Funding is higher while longs are crowded than while shorts are."""
    for traded in market.pairs.values():
        crowd = traded.truth.set_index("date")["crowding"].rolling(32).mean()
        crowd = crowd.reindex(traded.funding_rate["date"], method="ffill").to_numpy()
        rates = traded.funding_rate["funding_rate"].to_numpy()
        assert rates[crowd > 1].mean() > rates[crowd < -1].mean()


def test_the_mark_price_stays_close_to_the_last(market):
    for traded in market.pairs.values():
        apart = traded.mark["close"] / traded.futures["close"].iloc[3::4].to_numpy() - 1
        assert apart.abs().median() < 2e-4
        assert apart.abs().max() < 2e-2


def test_open_interest_builds_up_before_it_is_flushed(market):
    for traded in market.pairs.values():
        amount = np.log(traded.open_interest["open_interest_amount"])
        starts = cascades(traded)
        starts = starts[(starts > 96) & (starts < len(amount) - 4)]
        assert len(starts) > 5
        build_up = amount[starts].to_numpy() - amount.rolling(2000, min_periods=96).mean()[starts]
        assert build_up.mean() > 0
        change = amount[starts + 4].to_numpy() - amount[starts].to_numpy()
        assert -0.2 < np.median(change) < -0.03
        assert change.min() < -0.08


def test_a_cascade_runs_over_the_crowd_with_volume(market):
    for traded in market.pairs.values():
        starts = cascades(traded)
        starts = starts[(starts > 96) & (starts < len(traded.futures) - 4)]
        close, volume = np.log(traded.futures["close"]), traded.futures["volume"]
        move = close[starts + 2].to_numpy() - close[starts - 1].to_numpy()
        crowd = np.sign(traded.truth["crowding"][starts].to_numpy())
        assert np.mean(move * crowd < 0) > 0.8
        assert np.median(np.abs(move)) > 3 * log_returns(traded.futures).std()
        usual = volume.rolling(96).median()[starts].to_numpy()
        assert np.median(volume[starts].to_numpy() / usual) > 2


def test_open_interest_keeps_its_order_of_magnitude(market):
    for traded in market.pairs.values():
        amount = traded.open_interest["open_interest_amount"]
        assert amount.max() / amount.min() < 6


def test_taker_flow_goes_with_the_return_and_leads_it_a_little(market):
    leads = []
    for traded in market.pairs.values():
        returns = log_returns(traded.futures)
        buyers = imbalance(traded.taker_flow, traded.futures)
        assert 0.3 < buyers.corr(returns) < 0.8
        leads.append(buyers.shift(1).corr(returns))
    assert 0.0 < np.mean(leads) < 0.12


def test_spot_takers_are_less_leveraged(market):
    """Spot flow resembles the perpetual's, but leans less with the crowd and in liquidations."""
    for traded in market.pairs.values():
        buyers = imbalance(traded.taker_flow, traded.futures)
        spot_buyers = imbalance(traded.spot_taker_flow, traded.spot)
        assert 0.3 < buyers.corr(spot_buyers) < 0.9
        crowd = traded.truth["crowding"]
        assert buyers.corr(crowd) > spot_buyers.corr(crowd)
        flushed = traded.truth["flushed"] > 0
        assert buyers[flushed].abs().mean() > spot_buyers[flushed].abs().mean()


@pytest.mark.realdata
def test_orders_of_magnitude_are_those_of_real_bitcoin(market):
    path = REAL / "futures" / "BTC_USDT_USDT-15m-futures.feather"
    if not path.exists():
        pytest.skip(f"real candles are absent: {path} does not exist")
    real, traded = pd.read_feather(path), market.pairs["BTC/USDT:USDT"]
    real_returns, returns = log_returns(real), log_returns(traded.futures)
    assert 0.5 < returns.std() / real_returns.std() < 2
    assert 0.25 < returns.kurtosis() / real_returns.kurtosis() < 4
    for lag in (1, 4, 96):
        ratio = autocorrelation(returns.abs(), lag) / autocorrelation(real_returns.abs(), lag)
        assert 0.25 < ratio < 3, lag
    assert 0.3 < traded.futures["volume"].median() / real["volume"].median() < 3
    funding = pd.read_feather(REAL / "futures" / "BTC_USDT_USDT-1h-funding_rate.feather")
    spread = traded.funding_rate["funding_rate"].std() / funding["funding_rate"].std()
    assert 0.3 < spread < 8  # the winter of 2025/26 was a quiet one for funding

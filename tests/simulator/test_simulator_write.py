import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from providers.contract import MARKET
from providers.errors import ProviderError
from providers.registry import DATASETS
from providers.storage.store import native_path, read_frame, store_path, write_frame
from replay.simulator import NOTE, Market, is_current, simulate, write_market
from replay.simulator.write import MANIFEST, VERSION, read_manifest

PAIR, SPOT = "BTC/USDT:USDT", "BTC/USDT"
SENTIMENT = ("fear_greed", "senticrypt")
STORED = [
    *((name, PAIR, "15m") for name in ("taker_flow", "spot_taker_flow")),
    *((name, PAIR, "5m") for name in ("open_interest", "long_short_ratio", "basis")),
    ("premium_index", PAIR, "1h"),
    ("funding_rate", PAIR, "events"),
]


@pytest.fixture(scope="module")
def written(small, tmp_path_factory):
    datadir = tmp_path_factory.mktemp("simulated")
    write_market(small, datadir)
    return datadir


def only(market: Market, *pairs: str) -> Market:
    spec = replace(market.spec, pairs=pairs)
    return Market(spec, {pair: market.pairs[pair] for pair in pairs}, market.sentiment)


def test_everything_lies_where_freqtrade_and_the_store_look(written, small):
    expected = {
        *(native_path(written, PAIR, timeframe) for timeframe in ("15m", "1h", "4h")),
        *(native_path(written, PAIR, tf, "open_interest") for tf in ("15m", "1h", "4h")),
        *(native_path(written, SPOT, timeframe, "spot") for timeframe in ("15m", "1h")),
        *(native_path(written, PAIR, timeframe, "mark") for timeframe in ("5m", "1h")),
        native_path(written, PAIR, "1h", "funding_rate"),
        *(store_path(written, *file) for file in STORED),
    }
    of_the_market = {store_path(written, name, MARKET, "1d") for name in SENTIMENT}
    assert set(written.rglob("BTC*.feather")) == expected
    assert set(written.rglob("MARKET*.feather")) == of_the_market
    every = len(expected) * len(small.pairs) + len(of_the_market)
    assert len(list(written.rglob("*.feather"))) == every


def test_frames_survive_the_disk(written, small):
    traded = small.pairs[PAIR]
    pd.testing.assert_frame_equal(read_frame(native_path(written, PAIR, "15m")), traded.futures)
    flow = store_path(written, "spot_taker_flow", PAIR, "15m")
    told = read_frame(flow).drop(columns=["known_at", "quality"])
    pd.testing.assert_frame_equal(told, traded.spot_taker_flow.astype({"trades": float}))
    assert flow.with_name(f"{flow.name}.sha256").exists()


@pytest.mark.parametrize("file", [*STORED, *((name, MARKET, "1d") for name in SENTIMENT)])
def test_the_store_holds_what_the_dataset_promises(written, file):
    """Columns, types, grid and bounds are those of the provider of the same name."""
    frame, dataset = read_frame(store_path(written, *file)), DATASETS[file[0]].dataset
    assert file[2] == dataset.timeframe
    assert list(frame) == ["date", *dataset.values, "known_at", "quality"]
    assert frame["date"].dtype == frame["known_at"].dtype == "datetime64[ms, UTC]"
    assert (frame[list(dataset.values)].dtypes == np.float64).all()
    assert frame["quality"].eq(0).all()
    for name, bounds in dataset.values.items():
        assert frame[name].between(bounds.least, bounds.most).all(), name
        assert not (bounds.zero_is_missing and frame[name].eq(0).any()), name
    if dataset.step is not None:
        assert frame["date"].diff().dropna().eq(dataset.step).all()


@pytest.mark.parametrize(
    ("name", "timeframe", "known_after"),
    [
        ("open_interest", "5m", "5min"),
        ("long_short_ratio", "5m", "5min"),
        ("basis", "5m", "5min"),
        ("taker_flow", "15m", "15min"),
        ("premium_index", "1h", "1h"),
        ("funding_rate", "events", "1min"),
        ("fear_greed", "1d", "1h"),
        ("senticrypt", "1d", "25h"),
    ],
)
def test_rows_are_known_when_a_live_bot_would_have_them(written, name, timeframe, known_after):
    pair = MARKET if name in SENTIMENT else PAIR
    frame = read_frame(store_path(written, name, pair, timeframe))
    assert (frame["known_at"] - frame["date"]).eq(pd.Timedelta(known_after)).all()


def test_every_third_open_interest_snapshot_is_the_native_one(written):
    native = read_frame(native_path(written, PAIR, "15m", "open_interest"))
    stored = read_frame(store_path(written, "open_interest", PAIR, "5m"))
    assert stored.iloc[::3][native.columns].reset_index(drop=True).equals(native)
    moved = stored["open_interest_amount"].diff().abs()
    assert (moved[1:] > 0).mean() > 0.99  # the two between are alive, too


def test_fast_mark_candles_join_to_the_slow_ones(written):
    fast = read_frame(native_path(written, PAIR, "5m", "mark"))
    slow = read_frame(native_path(written, PAIR, "1h", "mark"))
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    joined = fast.resample("1h", on="date").agg(how).reset_index()
    pd.testing.assert_frame_equal(joined, slow, check_dtype=False, check_exact=True)


def test_a_folder_of_an_earlier_format_is_written_anew(small, tmp_path):
    market = only(small, PAIR)
    write_market(market, tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    (tmp_path / MANIFEST).write_text(json.dumps(manifest | {"version": VERSION - 1}))
    assert not is_current(market.spec, tmp_path)


@pytest.mark.parametrize(("timeframe", "bars"), [("1h", 4), ("4h", 16)])
def test_slower_candles_are_exactly_the_fast_ones_joined(written, timeframe, bars):
    fast = read_frame(native_path(written, PAIR, "15m"))
    slow = read_frame(native_path(written, PAIR, timeframe))
    assert len(slow) * bars == len(fast)
    for number in (0, 1, len(slow) - 1):
        part, candle = fast.iloc[number * bars : (number + 1) * bars], slow.iloc[number]
        assert candle["date"] == part["date"].iloc[0] == candle["date"].floor(timeframe)
        assert candle["open"] == part["open"].iloc[0]
        assert candle["high"] == part["high"].max()
        assert candle["low"] == part["low"].min()
        assert candle["close"] == part["close"].iloc[-1]
        assert candle["volume"] == pytest.approx(part["volume"].sum(), rel=1e-12)
    assert slow.dtypes.equals(fast.dtypes)


def test_slower_snapshots_are_those_at_their_labels(written):
    fast = read_frame(native_path(written, PAIR, "15m", "open_interest")).set_index("date")
    slow = read_frame(native_path(written, PAIR, "4h", "open_interest")).set_index("date")
    pd.testing.assert_frame_equal(fast.loc[slow.index], slow)


def test_the_same_spec_gives_the_same_bytes(written, small_spec, tmp_path):
    write_market(simulate(small_spec), tmp_path)
    for path in written.rglob("*.*"):
        if path.is_file():
            assert (tmp_path / path.relative_to(written)).read_bytes() == path.read_bytes()


def test_the_manifest_says_that_profits_mean_nothing(written, small_spec):
    manifest = json.loads((written / MANIFEST).read_text())
    assert manifest["note"] == NOTE
    assert "profits made in it mean nothing" in NOTE
    assert manifest["spec"] == small_spec.as_json()


def test_a_folder_is_current_only_for_its_own_spec_and_while_complete(small, small_spec, tmp_path):
    assert not is_current(small_spec, tmp_path)
    market = only(small, PAIR)
    write_market(market, tmp_path)
    assert is_current(market.spec, tmp_path)
    assert not is_current(replace(market.spec, seed=99), tmp_path)
    native_path(tmp_path, PAIR, "4h").unlink()
    assert not is_current(market.spec, tmp_path)


def test_a_crash_leaves_a_folder_that_the_next_run_finishes(small, tmp_path):
    market = only(small, PAIR, "SOL/USDT:USDT")

    def crash(pair: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_market(market, tmp_path, crash)
    assert not is_current(market.spec, tmp_path)
    write_market(market, tmp_path)
    assert is_current(market.spec, tmp_path)


def test_pairs_of_an_earlier_simulation_are_removed(small, tmp_path):
    write_market(only(small, PAIR, "SOL/USDT:USDT"), tmp_path)
    write_market(only(small, PAIR), tmp_path)
    assert {path.name[:3] for path in tmp_path.rglob("*_USDT*")} == {"BTC"}


def test_candles_that_nobody_simulated_are_left_alone(small, tmp_path):
    real = native_path(tmp_path, "ETH/USDT:USDT", "1h")
    write_frame(pd.DataFrame({"close": np.ones(3)}), real)
    with pytest.raises(ProviderError, match=r"holds 1 candle file\(s\) that are not simulated"):
        write_market(small, tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [real]


def test_a_broken_manifest_does_not_count(small_spec, tmp_path):
    for content in ("{", "[]", '{"files": 3}'):
        (tmp_path / MANIFEST).write_text(content)
        assert read_manifest(tmp_path) is None
        assert not is_current(small_spec, tmp_path)

"""Candles: every one exactly once, none before it is over, whatever the page size."""

import json
from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Span
from providers.datasets import premium_index, spot_taker_flow, taker_flow
from providers.errors import BadAnswerError, BlockedError
from providers.families.klines import RestCandles, interval_name, stamps
from tests.providers.asking import BTC, a_page, at, collected, ms, sources, vouched
from tests.providers.recorded import NOW

MINUTE = 60_000
STEP = 15 * MINUTE
ORIGIN = ms("2026-03-01")


def candle(opened, step=STEP, volume="10", bought="4", quote="1000", bought_quote="400", trades=7):
    closed = opened + step - 1
    prices = ("100", "101", "99", "100.5")
    return [opened, *prices, volume, closed, quote, trades, bought, bought_quote, "0"]


def venue(opens, cap, step=STEP):
    """Binance: ascending, from startTime, endTime compares with the open, at most `cap` rows."""

    def answer(url, params):
        start, end, limit = params["startTime"], params["endTime"], min(cap, params["limit"])
        rows = [candle(o, step) for o in sorted(opens) if start <= o <= end][:limit]
        return json.dumps(rows).encode()

    return answer


def flow(answers=None, now=NOW, **settings) -> RestCandles:
    return taker_flow.providers(sources(answers, now, **settings))[0]


@given(
    bars=st.sets(st.integers(0, 60)),
    cap=st.integers(1, 9),
    start=st.integers(-20, 70),
    length=st.integers(0, 60),
    late=st.integers(0, STEP - 1),
)
def test_every_candle_of_a_span_comes_exactly_once(bars, cap, start, length, late):
    opens = {ORIGIN + bar * STEP for bar in bars}
    begin = ORIGIN + start * STEP + late
    end = begin + length * STEP
    span = Span(*(pd.Timestamp(moment, unit="ms", tz="UTC") for moment in (begin, end)))
    rows = collected(flow(venue(opens, cap)), span)
    found = [round(date.timestamp() * 1000) for date in rows["date"]]
    assert found == sorted(moment for moment in opens if begin <= moment < end)


def test_the_first_page_jumps_to_the_listing():
    provider = flow(venue({ORIGIN, ORIGIN + STEP}, cap=1500))
    rows = collected(provider, Span(at("2019-01-01"), at("2026-03-01 00:30")))
    assert len(rows) == 2
    assert len(provider.client.asked) == 1


def test_nothing_listed_is_one_question_and_no_rows():
    provider = flow(venue(set(), cap=1500))
    assert collected(provider, Span(at("2019-01-01"), at("2026-03-01"))).empty
    assert len(provider.client.asked) == 1


def test_a_venue_that_answers_the_past_is_refused_instead_of_asked_forever():
    provider = flow(lambda url, params: json.dumps([candle(ORIGIN)]).encode())
    with pytest.raises(BadAnswerError, match="none of them within what was asked for"):
        list(provider.pages(BTC, Span(at("2026-04-01"), at("2026-05-01"))))


@given(st.integers(0, 4 * STEP))
def test_a_candle_counts_from_the_millisecond_after_its_close(elapsed):
    now = pd.Timestamp(ORIGIN + elapsed, unit="ms", tz="UTC")
    opens = [ORIGIN + bar * STEP for bar in range(5) if bar * STEP <= elapsed]
    checked = vouched(flow(), [candle(opened) for opened in opens], fetched_at=now)
    assert len(checked.frame) == elapsed // STEP
    assert (checked.frame["known_at"] <= now).all()
    assert checked.found["unfinished"] == 1
    assert checked.found["rows"] == len(opens)


def test_a_row_is_labeled_by_the_open_and_known_at_the_close():
    row = vouched(flow(), [candle(ORIGIN)]).frame.iloc[0]
    assert row["date"] == at("2026-03-01 00:00")
    assert row["known_at"] == at("2026-03-01 00:15")
    names = ["volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume", "trades"]
    assert row[names].tolist() == [10.0, 1000.0, 4.0, 400.0, 7.0]


def test_candles_of_another_length_are_refused():
    with pytest.raises(BadAnswerError, match="expected 15m"):
        flow().parse(a_page([candle(ORIGIN, step=5 * MINUTE)]))


@pytest.mark.parametrize("body", [{"code": 0}, [[1, 2, 3]], ["x"], [None], "text", 5, None])
def test_what_is_no_candles_is_refused(body):
    with pytest.raises(BadAnswerError, match="a page"):
        flow().parse(a_page(body))


def test_microseconds_are_milliseconds_times_a_thousand():
    rows = [[1741996800000000], [1741996800000], ["1741996800000"], [None], [True], [1e300], [-5]]
    found = stamps(rows, 0)
    assert found[:3].tolist() == [at("2025-03-15")] * 3
    assert found[3:].isna().all()
    assert str(found.dtype) == "datetime64[ms, UTC]"


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (timedelta(minutes=1), "1m"),
        (timedelta(minutes=15), "15m"),
        (timedelta(hours=4), "4h"),
        (timedelta(days=1), "1d"),
    ],
)
def test_lengths_of_candles_have_names(step, name):
    assert interval_name(step) == name


@pytest.mark.parametrize("step", [timedelta(0), timedelta(minutes=7), timedelta(days=2)])
def test_other_lengths_name_those_there_are(step):
    with pytest.raises(ValueError, match="1m, 3m, 5m, 15m, 30m"):
        interval_name(step)


def test_a_length_without_a_name_is_found_before_anything_is_asked():
    provider = flow(venue(set(), 5), flow_step=timedelta(minutes=7))
    with pytest.raises(ValueError, match="0:07:00"):
        list(provider.pages(BTC, Span(at("2026-03-01"), at("2026-03-02"))))
    assert not provider.client.asked


def test_a_blocked_location_is_said_and_leaves_the_archive():
    def blocked(url, params):
        raise BlockedError("restricted location")

    rest, archive = taker_flow.providers(sources(blocked))
    with pytest.raises(BlockedError):
        list(rest.pages(BTC, Span(at("2026-03-01"), at("2026-03-02"))))
    assert archive.dataset == rest.dataset
    assert archive.source != rest.source


@pytest.mark.parametrize(
    ("module", "symbol", "path", "bucket", "limit", "weight"),
    [
        (taker_flow, "1000PEPEUSDT", "/fapi/v1/klines", "binance-futures", 1500, 10),
        (spot_taker_flow, "PEPEUSDT", "/api/v3/klines", "binance-spot", 1000, 2),
        (
            premium_index,
            "1000PEPEUSDT",
            "/fapi/v1/premiumIndexKlines",
            "binance-futures",
            1500,
            10,
        ),
    ],
)
def test_what_is_asked_for(module, symbol, path, bucket, limit, weight):
    provider = module.providers(sources(lambda url, params: b"[]"))[0]
    list(provider.pages("1000PEPE/USDT:USDT", Span(at("2026-03-01"), at("2026-03-02"))))
    ((url, params),) = provider.client.asked
    assert url.endswith(path)
    assert params["symbol"] == symbol
    assert params["limit"] == limit
    assert params["startTime"] == ms("2026-03-01")
    assert params["endTime"] == ms("2026-03-02") - 1
    call = provider.client.calls[0]
    assert (call["bucket"], call["weight"]) == (bucket, weight)


def test_the_source_has_nothing_before_its_first_candle_and_after_now():
    provider, now = flow(), at("2026-10-01")
    assert provider.covers(Span(at("2010-01-01"), at("2012-01-01")), now) is None
    assert provider.covers(Span(now, at("2027-01-01")), now) is None
    span = provider.covers(Span(at("2010-01-01"), at("2027-01-01")), now)
    assert span == Span(at("2017-08-17"), now)


numbers = st.floats(0, 1e6, allow_nan=False).map(lambda value: round(value, 8))


@given(st.lists(st.tuples(numbers, numbers, numbers, numbers), min_size=1, max_size=8))
def test_takers_never_buy_more_than_was_traded(cells):
    rows = [
        candle(ORIGIN + bar * STEP, STEP, str(v), str(b), str(q), str(bq))
        for bar, (v, b, q, bq) in enumerate(cells)
    ]
    frame = vouched(flow(), rows).frame
    for (v, b, q, bq), (_, row) in zip(cells, frame.iterrows(), strict=True):
        for whole, part, names in (
            (v, b, ["volume", "taker_buy_volume"]),
            (q, bq, ["quote_volume", "taker_buy_quote_volume"]),
        ):
            if part > whole * (1 + 1e-9):
                assert row[names].isna().all()
                assert row["quality"] & 4
            else:
                assert row[names].tolist() == [whole, part]


def test_a_sum_may_exceed_its_whole_by_rounding():
    part = 1e6 * (1 + 1e-10)
    frame = vouched(flow(), [candle(ORIGIN, volume="1000000", bought=repr(part))]).frame
    assert frame["taker_buy_volume"].tolist() == [part]


def test_what_the_exchange_does_not_know_is_missing_and_not_zero():
    checked = vouched(flow(), [candle(ORIGIN, bought="", bought_quote="", trades=0)])
    row = checked.frame.iloc[0]
    assert row[["taker_buy_volume", "taker_buy_quote_volume", "trades"]].isna().all()
    assert row["volume"] == 10.0
    assert row["quality"] & 1  # blank
    assert row["quality"] & 2  # volume without a trade
    assert checked.found["zeros"] == 1


def test_a_bar_without_trades_is_a_true_zero():
    idle = candle(ORIGIN, STEP, "0", "0", "0", "0", 0)
    row = vouched(flow(), [idle]).frame.iloc[0]
    assert row[["volume", "taker_buy_volume", "trades"]].tolist() == [0.0, 0.0, 0.0]
    assert row["quality"] == 0


def test_a_premium_outside_its_own_extremes_is_invalid():
    provider = premium_index.providers(sources())[0]
    good, bad = candle(ORIGIN, 60 * MINUTE), candle(ORIGIN + 60 * MINUTE, 60 * MINUTE)
    good[1:5] = ["0.0001", "0.0002", "-0.0001", "0"]
    bad[1:5] = ["0.0001", "0.00005", "-0.0001", "0"]
    frame = vouched(provider, [good, bad]).frame
    assert frame.loc[0, ["open", "high", "low", "close"]].tolist() == [0.0001, 0.0002, -0.0001, 0.0]
    assert frame.loc[1, ["open", "high", "low", "close"]].isna().all()
    assert frame["quality"].tolist() == [0, 4]
    assert frame["known_at"].tolist() == [at("2026-03-01 01:00"), at("2026-03-01 02:00")]


def test_a_candle_from_the_future_is_no_unfinished_one():
    opens = [ORIGIN, ORIGIN + STEP, ORIGIN + 40 * STEP]
    now = pd.Timestamp(ORIGIN + STEP + 1000, unit="ms", tz="UTC")
    checked = vouched(flow(), [candle(opened) for opened in opens], fetched_at=now)
    assert len(checked.frame) == 1
    assert (checked.found["unfinished"], checked.found["future"]) == (1, 1)
    assert checked.found["rows"] == 3


@pytest.mark.parametrize(("late", "rows"), [(-1, 0), (0, 1), (1, 1)])
def test_the_instant_of_the_close_already_counts(late, rows):
    now = pd.Timestamp(ORIGIN + STEP + late, unit="ms", tz="UTC")
    assert len(vouched(flow(), [candle(ORIGIN)], fetched_at=now).frame) == rows


@pytest.mark.parametrize("stray", [None, 0, -5, 1e300, ms("2026-09-01"), ms("2090-01-01")])
def test_a_stray_stamp_does_not_skip_what_lies_behind_it(stray):
    opens = {ORIGIN + bar * STEP for bar in range(20)}
    whole = venue(opens, cap=6)

    def answer(url, params):
        rows = json.loads(whole(url, params))
        if len(rows) == 6:
            rows[3][0] = stray
        return json.dumps(rows).encode()

    provider = flow(answer)
    end = pd.Timestamp(ORIGIN + 20 * STEP, unit="ms", tz="UTC")
    rows = collected(provider, Span(at("2026-03-01"), end))
    rows = rows[rows["date"] < end]
    assert len(rows) == 20 - 3
    assert rows["date"].iloc[-1] == end - timedelta(minutes=15)


def test_a_number_is_not_read_into_a_word():
    odd = ["1_000", "inf", "1e309", "", "ten", None, True, []]
    frame = vouched(
        flow(), [candle(ORIGIN + n * STEP, volume=cell) for n, cell in enumerate(odd)]
    ).frame
    assert frame["volume"].isna().all()
    assert (frame["taker_buy_volume"] == 4).all()


@pytest.mark.parametrize("closed", [ORIGIN + MINUTE, ORIGIN - 1, 0, None, "x", 1e300])
def test_a_candle_that_seems_to_close_early_is_known_when_its_time_is_over(closed):
    odd = candle(ORIGIN)
    odd[6] = closed
    frame = flow().parse(a_page([odd, candle(ORIGIN + STEP)]))
    assert (frame["known_at"] - frame["date"] == timedelta(minutes=15)).all()

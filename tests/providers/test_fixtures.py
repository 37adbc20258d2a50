"""Every recording is understood, or refused by name: the table says which and why.

A recording without a line here fails, so none is kept that nothing reads.
"""

import json
from datetime import timedelta
from pathlib import PurePosixPath
from typing import NamedTuple

import pytest

from providers.contract import MARKET, Page, Scope
from providers.errors import (
    BadAnswerError,
    BadRequestError,
    ProviderError,
    RateLimitedError,
)
from providers.registry import DATASETS
from tests.providers.asking import BTC, at, sources
from tests.providers.recorded import NOW, RECORDINGS

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LTC, ROSE, ACE = "LTC/USDT:USDT", "ROSE/USDT:USDT", "ACE/USDT:USDT"


class Read(NamedTuple):
    """Which parser a recording goes through, and how many rows or which error come out."""

    dataset: str
    out: int | type[ProviderError]
    which: int = 0  # of the dataset's providers: REST, then the archive
    step: timedelta = 15 * MINUTE
    pair: str = BTC
    fetched_at: str = ""
    part: str = ""  # the endpoint, of a page that holds several answers
    called: str = ""  # the name of the page, where a parser reads it


ELSEWHERE = {  # what is around a page rather than in it: its errors, listings, zips
    "binance_um/errors": "test_http.py",
    "binance_vision/zips": "test_archive.py",
    "bybit/instruments_info_linear.json": "test_bybit_open_interest.py",
    "binance_vision/constructed_404_NoSuchKey.xml": "test_archive.py",
    "binance_vision/constructed_listing_metrics_page1_truncated.xml": "test_archive.py",
    "binance_vision/constructed_listing_metrics_page2_last.xml": "test_archive.py",
    "binance_vision/constructed_listing_um_daily_prefixes.xml": "test_archive.py",
    "binance_vision/constructed_label_switch_markPriceKlines_5m.csv": "test_label_shift.py",
    "binance_vision/um_markPriceKlines_1h_real_2024-01-01.csv": "test_label_shift.py",
}
_CONSTRUCTED = "constructed_metrics_label_switch_BTCUSDT-metrics-2026-06"
READ = {
    "aggr_server/constructed_influx_empty.json": Read("aggr_flow", 0),
    "aggr_server/constructed_influx_error_rp_not_found.json": Read("aggr_flow", BadRequestError),
    "aggr_server/constructed_influx_query_rfc3339.json": Read("aggr_flow", BadAnswerError),
    "aggr_server/constructed_influx_query_trades_1m.json": Read("aggr_flow", 2),  # on 5m labels
    "alternative_me/constructed_error_metadata.json": Read("fear_greed", BadAnswerError),
    "alternative_me/constructed_fng_csv_malformed.txt": Read("fear_greed", BadAnswerError),
    "alternative_me/constructed_fng_gap_first_days_2018.json": Read("fear_greed", 6),
    "alternative_me/fng_limit3_real_2026-02-27.json": Read("fear_greed", 3),
    "binance_cm/basis_5m_quarter_2020.json": Read("basis", BadAnswerError),
    "binance_cm/openInterestHist_5m_quarter_2020.json": Read("open_interest", BadAnswerError),
    "binance_cm/topLongShortPositionRatio_5m_2020.json": Read(
        "long_short_ratio", BadAnswerError, part="topLongShortPositionRatio"
    ),
    "binance_spot/klines_1h_2023.json": Read("spot_taker_flow", 176, step=HOUR),
    "binance_spot/klines_1m_2021.json": Read("spot_taker_flow", 10, step=MINUTE),
    "binance_spot/klines_5m_2020.json": Read("spot_taker_flow", 24, step=5 * MINUTE),
    "binance_um/basis_doc.json": Read("basis", 1),
    "binance_um/depth_100_2024.json": Read("order_book", 1, fetched_at="2024-11-01 05:53:06.600"),
    "binance_um/depth_5_2020.json": Read("order_book", BadAnswerError),  # years before NOW
    "binance_um/fundingRate_100_2020.json": Read("funding_rate", 100),
    "binance_um/fundingRate_doc_markPrice.json": Read("funding_rate", 2),
    "binance_um/fundingRate_limit1_2023.json": Read("funding_rate", 1),
    "binance_um/globalLongShortAccountRatio_4h_2020.json": Read(
        "long_short_ratio", 30, part="globalLongShortAccountRatio"
    ),
    "binance_um/klines_1d_2023.json": Read("taker_flow", 6, step=DAY),
    "binance_um/klines_5m_LTC_2020.json": Read("taker_flow", 120, step=5 * MINUTE, pair=LTC),
    "binance_um/openInterestHist_1d_2020.json": Read("open_interest", 10, pair=LTC),
    "binance_um/openInterestHist_5m_2026.json": Read("open_interest", 2),
    "binance_um/openInterestHist_5m_limit1_2020.json": Read("open_interest", 1),
    "binance_um/premiumIndexKlines_doc.json": Read("premium_index", BadAnswerError),  # minutes
    "binance_um/topLongShortAccountRatio_5m_2020.json": Read(
        "long_short_ratio", 2, part="topLongShortAccountRatio"
    ),
    "binance_um/topLongShortPositionRatio_1d_2020.json": Read(
        "long_short_ratio", 30, part="topLongShortPositionRatio"
    ),
    "binance_um/ws_forceOrder.json": Read("liquidations", 1),
    "binance_um/ws_forceOrder_real_2022.json": Read("liquidations", 2),
    "binance_vision/constructed_metrics_dirty.csv": Read(
        "open_interest", 56, 1, called="BTCUSDT-metrics-2024-03-01.csv"
    ),
    "binance_vision/constructed_metrics_doubled_rows_2020-09-01.csv": Read(
        "open_interest", 12, 1, called="BTCUSDT-metrics-2020-09-01.csv"
    ),
    f"binance_vision/{_CONSTRUCTED}-24.csv": Read("open_interest", 288, 1),
    f"binance_vision/{_CONSTRUCTED}-25.csv": Read("open_interest", 288, 1),
    "binance_vision/constructed_premiumIndexKlines_1h.csv": Read("premium_index", 2, 1),
    "binance_vision/constructed_rest_overlap_openInterestHist_2026-06-24_25.json": Read(
        "open_interest", 576
    ),
    "binance_vision/constructed_um_fundingRate_interval_change.csv": Read("funding_rate", 9, 1),
    "binance_vision/metrics_rows_real_ACEUSDT_2025-01-21.csv": Read(
        "open_interest", 1, 1, pair=ACE, called="ACEUSDT-metrics-2025-01-21.csv"
    ),
    "binance_vision/metrics_rows_real_BTCUSDT_2024-01-01.csv": Read(
        "open_interest", 2, 1, called="BTCUSDT-metrics-2024-01-01.csv"
    ),
    "binance_vision/spot_klines_1h_no_header_2023-10-27.csv": Read(
        "spot_taker_flow", 1, 1, step=HOUR
    ),
    "binance_vision/spot_klines_1m_microseconds_2025-03-15.csv": Read(
        "spot_taker_flow", 2, 1, step=MINUTE
    ),
    "binance_vision/spot_klines_5m_real_2024-01-01.csv": Read(
        "spot_taker_flow", 2, 1, step=5 * MINUTE
    ),
    "binance_vision/um_fundingRate_monthly_rows.csv": Read("funding_rate", 1, 1),
    "binance_vision/um_fundingRate_monthly_rows_jitter.csv": Read("funding_rate", 1, 1),
    "binance_vision/um_klines_1d_no_header_2023-01.csv": Read("taker_flow", 6, 1, step=DAY),
    "binance_vision/um_klines_1d_with_header_2023-01.csv": Read("taker_flow", 6, 1, step=DAY),
    "binance_vision/um_klines_1h_with_header_real_2024-01.csv": Read("taker_flow", 2, 1, step=HOUR),
    "binance_vision/um_klines_1m_with_header_real_2024-01-01.csv": Read(
        "taker_flow", 2, 1, step=MINUTE
    ),
    "bybit/errors/200_10001_param.json": Read("bybit_open_interest", BadRequestError),
    "bybit/errors/200_10006_too_many_visits.json": Read("bybit_open_interest", RateLimitedError),
    "bybit/open_interest_inverse_1d_doc.json": Read("bybit_open_interest", BadAnswerError),
    "bybit/open_interest_linear_1h_rows_real.json": Read("bybit_open_interest", 1),
    "bybit/ws_allLiquidation_doc.json": Read("bybit_liquidations", 1, pair=ROSE),
    "coinalyze/constructed_funding_rate_history.json": Read("coinalyze_taker_flow", BadAnswerError),
    "coinalyze/constructed_liquidation_history.json": Read("coinalyze_liquidations", 1),
    "coinalyze/constructed_ohlcv_history.json": Read("coinalyze_taker_flow", 1),
    "coinalyze/constructed_open_interest_history.json": Read("coinalyze_open_interest", 2),
    "coinglass/cvd_history_doc_mixed_units.json": Read("coinglass_taker_flow", BadAnswerError),
    "coinglass/liquidation_aggregated_history_doc.json": Read(
        "coinglass_liquidations", BadAnswerError
    ),
    "coinglass/liquidation_history_doc.json": Read("coinglass_liquidations", 2),
    "coinglass/open_interest_history_doc.json": Read("coinglass_open_interest", BadAnswerError),
    # of three hours only one begins a bucket of four
    "coinglass/taker_buy_sell_volume_history_doc.json": Read("coinglass_taker_flow", 1),
    "cryptopanic/constructed_error_token.json": Read("news", BadRequestError),
    "cryptopanic/constructed_v2_developer_posts.json": Read("news", 1),
    "cryptopanic/v1_posts_real_2018.json": Read("news", 1),
    "cryptopanic/v1_posts_real_2025-02-26.json": Read("news", 2),
    "senticrypt/constructed_v2_all.json": Read("senticrypt", 3),
    "senticrypt/v1_bitcoin_doc.json": Read("senticrypt", BadAnswerError),
    "senticrypt/v2_history_2023-04-17_doc.json": Read("senticrypt", 1),
}
FILES = sorted(
    path.relative_to(RECORDINGS).as_posix()
    for path in RECORDINGS.rglob("*")
    if path.is_file() and path.suffix != ".md"
)


def elsewhere(file: str) -> bool:
    return any(
        str(path) in ELSEWHERE for path in (PurePosixPath(file), *PurePosixPath(file).parents)
    )


def outcome(file: str, read: Read) -> int | type[ProviderError]:
    """Return how many rows come out of a recording, or the type of the refusal."""
    provider = DATASETS[read.dataset].providers(sources(flow_step=read.step))[read.which]
    content = (RECORDINGS / file).read_bytes()
    if "/errors/" in file or "_error_" in file:  # an error is recorded with its headers
        document = json.loads(content)
        content = json.dumps(document["body"]).encode() if "body" in document else content
    if read.part:  # the other answers of the page are empty
        parts = [part.endpoint for part in provider.parts]
        document = {part: json.loads(content) if part == read.part else [] for part in parts}
        content = json.dumps(document).encode()
    market = provider.dataset.scope is Scope.MARKET
    page = Page(
        content,
        read.called or PurePosixPath(file).name,
        MARKET if market else read.pair,
        at(read.fetched_at) if read.fetched_at else NOW,
    )
    try:
        return len(provider.check(provider.parse(page), page).frame)
    except ProviderError as error:
        return type(error) if page.name in str(error) else ProviderError  # which, for the reader


def test_every_recording_has_a_line():
    unread = [file for file in FILES if file not in READ and not elsewhere(file)]
    assert not unread, f"{unread} are recorded, and nothing reads them: add a line or delete them"


def test_every_line_has_a_recording():
    assert set(READ) <= set(FILES)


@pytest.mark.parametrize("file", sorted(READ))
def test_a_recording_is_understood_or_refused_by_name(file):
    assert outcome(file, READ[file]) == READ[file].out

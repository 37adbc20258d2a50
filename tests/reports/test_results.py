"""Reading Freqtrade's export and the candles beside it."""

import json

import pytest

from providers.errors import CorruptDataError, DataMissingError
from providers.results import latest_result, read_market, read_result, read_simulation
from providers.storage.store import native_path, write_frame


def test_an_export_is_read_whole(export):
    result = read_result(
        export(extra={"RegimeRouter.json": '{"params": {}}', "RegimeRouter.py": "#"})
    )
    assert result.strategy == "RegimeRouter"
    assert result.stats["total_trades"] == 13
    assert result.parameters == {"params": {}}
    assert result.market_change is None


def test_a_renamed_export_is_still_read(export):
    path = export()
    assert read_result(path.rename(path.with_name("mine.zip"))).strategy == "RegimeRouter"


def test_several_strategies_need_a_choice(export):
    path = export({"One": {}, "Two": {}})
    with pytest.raises(DataMissingError, match=r"\(One, Two\); choose with --strategy"):
        read_result(path)
    assert read_result(path, "Two").strategy == "Two"


def test_a_wrong_strategy_is_named_with_those_there_are(export):
    with pytest.raises(DataMissingError, match="has no strategy Nope; it holds RegimeRouter"):
        read_result(export(), "Nope")


@pytest.mark.parametrize("content", [b"", b"no zip at all"])
def test_what_is_no_zip_is_corrupt(tmp_path, content):
    path = tmp_path / "broken.zip"
    path.write_bytes(content)
    with pytest.raises(CorruptDataError, match=r"broken\.zip is not a readable backtest result"):
        read_result(path)


def test_every_truncated_export_is_refused(export, tmp_path):
    content = export().read_bytes()
    for share in (0.1, 0.5, 0.9, 0.999):
        path = tmp_path / "cut.zip"
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(CorruptDataError):
            read_result(path)


def test_a_flipped_byte_is_refused(export, tmp_path):
    content = bytearray(export().read_bytes())
    content[len(content) // 3] ^= 0xFF
    path = tmp_path / "flipped.zip"
    path.write_bytes(content)
    with pytest.raises(CorruptDataError):
        read_result(path)


def test_damaged_tables_are_corrupt(export):
    with pytest.raises(CorruptDataError, match=r"market_change\.feather is not a feather file"):
        read_result(export(extra={"market_change.feather": "junk"}))


def test_the_latest_is_the_one_freqtrade_noted(export, tmp_path):
    path = export()
    assert latest_result(tmp_path) == path
    path.unlink()
    with pytest.raises(DataMissingError, match="is gone"):
        latest_result(tmp_path)
    (tmp_path / ".last_result.json").write_text("junk")
    with pytest.raises(CorruptDataError, match="not readable"):
        latest_result(tmp_path)
    with pytest.raises(DataMissingError, match="holds no backtest result"):
        latest_result(tmp_path / "nowhere")


def test_missing_series_are_left_out(tmp_path, market):
    pair, series = next(iter(market.items()))
    write_frame(series["15m"], native_path(tmp_path, pair, "15m"))
    found = read_market(tmp_path, [pair, "CCC/USDT:USDT"], ["15m", "1h"])
    assert {name: list(of_pair) for name, of_pair in found.items()} == {pair: ["15m"]}


@pytest.mark.parametrize(
    ("content", "manifest"), [(json.dumps({"note": "x"}), {"note": "x"}), ("junk", {}), ("[]", {})]
)
def test_a_manifest_means_simulated_even_when_it_is_damaged(tmp_path, content, manifest):
    (tmp_path / "simulation.json").write_text(content)
    assert read_simulation(tmp_path) == manifest


def test_no_manifest_means_recorded(tmp_path):
    assert read_simulation(tmp_path) is None

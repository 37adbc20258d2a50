from argparse import ArgumentParser

import pytest

from providers.storage.store import native_path, read_frame
from replay.simulator import NOTE, cli


def simulate(*arguments: str) -> int:
    parser = ArgumentParser()
    cli.add_arguments(parser)
    return cli.run(parser.parse_args(arguments))


def test_a_market_is_written_announced_and_not_written_twice(tmp_path, capsys):
    out = tmp_path / "market"
    command = ("--out", str(out), "--pair-count", "2", "--days", "2", "--warmup-days", "1")
    assert simulate(*command) == 0
    first = capsys.readouterr()
    assert first.out.splitlines()[0].startswith("Wrote 38 files")
    assert "2 pair(s), 2025-12-31 to 2026-01-03" in first.out
    assert first.out.splitlines()[1:] == [NOTE]
    assert first.err == ""  # the progress bar is for terminals
    stamp = native_path(out, "BTC/USDT:USDT", "15m").stat().st_mtime_ns
    assert simulate(*command) == 0
    assert "already holds this market" in capsys.readouterr().out
    assert native_path(out, "BTC/USDT:USDT", "15m").stat().st_mtime_ns == stamp


def test_start_is_the_first_traded_day(tmp_path):
    command = ("--out", str(tmp_path), "--pairs", "ETH/USDT:USDT", "--start", "2025-03-01")
    assert simulate(*command, "--days", "1", "--warmup-days", "2") == 0
    dates = read_frame(native_path(tmp_path, "ETH/USDT:USDT", "1h"))["date"]
    assert dates.iloc[0].isoformat() == "2025-02-27T00:00:00+00:00"
    assert dates.iloc[-1].isoformat() == "2025-03-01T23:00:00+00:00"


def test_the_default_warm_up_fills_400_candles_of_4h():
    assert cli.WARMUP_DAYS * 6 >= 400


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--pairs", "FOO/USDT:USDT"], "pairs has 'FOO/USDT:USDT', expected some of"),
        (["--pair-count", "0"], "--pair-count is 0, expected 1 to"),
        (["--start", "soon"], "--start is 'soon', expected a date such as 2026-01-01"),
        (["--start", "2026-01-01T03:00"], "the open of a 4h candle"),
        (["--days", "0"], "days is 0, expected at least 1"),
    ],
)
def test_what_cannot_be_simulated_is_one_line_and_code_2(tmp_path, capsys, arguments, reason):
    assert simulate("--out", str(tmp_path / "market"), *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert reason in captured.err
    assert not (tmp_path / "market").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("in the way")
    command = ("--out", str(file / "market"), "--pair-count", "1", "--days", "1")
    assert simulate(*command, "--warmup-days", "0") == 2
    assert f"--out {file / 'market'} cannot be written" in capsys.readouterr().err

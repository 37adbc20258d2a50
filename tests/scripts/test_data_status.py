"""`scripts/data_status.py`: table, JSON, page and exit codes for CI."""

import json
import re

import pandas as pd
import pytest

from providers.storage.history import History
from providers.storage.store import native_path, write_frame
from scripts import data_status
from tests.providers.scripted import DATASET, DAY, HOUR, NOW, OTHER, PAIR, START, entry, rows

AT = START + 2 * DAY


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Hourly candles of two days with a gap, and a dataset of ours."""
    monkeypatch.setattr(data_status, "DATASETS", {"hourly": entry()})
    dates = pd.date_range(START, AT - HOUR, freq="h").delete([5, 6])
    frame = pd.DataFrame({"date": pd.Series(dates).dt.as_unit("ms"), "close": 1.0})
    write_frame(frame, native_path(tmp_path, PAIR, "1h"))
    History(tmp_path, DATASET, PAIR).add(rows(range(48), range(48)), NOW)
    return tmp_path


@pytest.fixture
def status(folder, capsys):
    def run(*arguments, at=AT):
        code = data_status.main(["--datadir", str(folder), "--at", at.isoformat(), *arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_the_table_tells_what_is_there(status):
    code, out, _ = status()
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert lines[1] == [PAIR]
    assert lines[2] == [
        *("futures-1h", "fresh", "2026-01-01", "2026-01-02", "23:00", "46", "1", "(02:00)", "00:00")
    ]
    assert lines[3][:6] == ["hourly", "fresh", "2026-01-01", "2026-01-02", "23:00", "48"]


def test_json_alone_is_printed_for_programs(status, tmp_path):
    code, out, _ = status("--json", "-")
    assert code == 0
    told = json.loads(out)
    assert [it["dataset"] for it in told] == ["futures-1h", "hourly"]
    assert told[0]["missing_labels"] == 2
    status("--json", str(tmp_path / "status.json"))
    assert json.loads((tmp_path / "status.json").read_text()) == told


def test_stale_data_is_exit_code_one_unless_something_else_is_required(status):
    late = AT + 3 * HOUR  # candles may be two hours old, the dataset three
    assert status(at=late)[0] == 1
    assert status("--require", "hourly", at=late)[0] == 0
    assert status("--require", "futures", at=late)[0] == 1


def test_gaps_count_when_a_limit_is_set(status):
    assert status("--max-gaps", "1")[0] == 0
    assert status("--max-gaps", "0")[0] == 1
    assert status("--max-gaps", "0", "--require", "hourly")[0] == 0


def test_what_is_required_must_be_there_for_every_pair(status):
    code, out, _ = status("--require", "hourly", "--pairs", PAIR, OTHER)
    assert code == 1
    assert f"{OTHER} hourly: not there; fetch it with" in out


def test_a_damaged_file_is_exit_code_one_whatever_is_required(status, folder):
    path = History(folder, DATASET, PAIR).path
    path.write_bytes(path.read_bytes() + b"x")
    code, out, _ = status("--require", "futures")
    assert code == 1
    assert "differs from its checksum" in out


def test_an_empty_time_is_refused(folder, capsys):
    with pytest.raises(SystemExit) as ended:
        data_status.main(["--datadir", str(folder), "--at", ""])
    assert ended.value.code == 2
    assert "'' is no date" in capsys.readouterr().err


def test_nothing_to_look_at_is_exit_code_two(status, tmp_path):
    for arguments in (["--datadir", str(tmp_path / "none")], ["--pairs", "XMR/USDT:USDT"]):
        code, _, err = status(*arguments)
        assert code == 2
        assert err.startswith("data_status: ")
        assert err.count("\n") == 1


def test_the_page_needs_no_network_and_shows_every_series_and_gap(status, folder, tmp_path):
    page = tmp_path / "coverage.html"
    code, _, err = status("--html", str(page))
    assert code == 0
    assert str(page) in err
    html = page.read_text()
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", html)
    assert "Data coverage" in html
    assert "missing %{text}" in html
    assert "2026-01-01 05:00 to 2026-01-01 07:00" in html
    for name in ("futures-1h", "hourly", PAIR):
        assert name in html


def test_names_from_the_folder_cannot_break_the_page(status, folder, tmp_path):
    evil = folder / "regimekit" / "<img src=x>" / "BTC_USDT_USDT-1h.feather"
    write_frame(rows([0], [1]), evil)
    status("--html", str(tmp_path / "page.html"))
    html = (tmp_path / "page.html").read_text()
    assert "<img src=x>" not in html
    assert "&lt;img src=x&gt;" in html


@pytest.mark.realdata
def test_the_recorded_folder_has_a_page(shared_data, tmp_path, capsys):
    page = tmp_path / "coverage.html"
    command = ["--datadir", str(shared_data / "binance"), "--at", "2026-03-01", "--html", str(page)]
    assert data_status.main(command) == 1  # some pairs end in January
    assert "BTC/USDT:USDT" in capsys.readouterr().out
    assert page.read_text().count('class="plotly-graph-div"') == 17

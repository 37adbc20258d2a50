"""The key changes with whatever can change a result, and with nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest

from experiments.identity import ROOT, SOURCES, copy_source, data_fingerprint, source_fingerprint
from experiments.runs import Job

JOB = Job(
    name="default",
    strategy="RegimeRouter",
    settings={"exits": {"trail_atr": 2.5}},
    period="choose",
    timerange="20260101-20260131",
    datadir=Path("data"),
    pairs=("BTC/USDT:USDT",),
    fee=0.0005,
    source="s",
    data="d",
)


@pytest.mark.parametrize(
    "change",
    [
        {"strategy": "Supertrend"},
        {"settings": {"exits": {"trail_atr": 2.6}}},
        {"timerange": "20260101-20260130"},
        {"pairs": ("BTC/USDT:USDT", "ETH/USDT:USDT")},
        {"fee": 0.0004},
        {"source": "t"},
        {"data": "e"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_key_follows_what_a_result_depends_on(change):
    assert replace(JOB, **change).key != JOB.key


@pytest.mark.parametrize(
    "change",
    [{"name": "x"}, {"period": "y"}, {"datadir": Path("elsewhere")}, {"tree": Path("copy")}],
    ids=lambda change: next(iter(change)),
)
def test_key_ignores_names_and_places(change):
    assert replace(JOB, **change).key == JOB.key


def test_source_fingerprint_follows_names_and_contents(tmp_path):
    file = tmp_path / "regimekit" / "filters" / "a.py"
    file.parent.mkdir(parents=True)
    file.write_text("x = 1\n")
    first = source_fingerprint(tmp_path)
    assert source_fingerprint(tmp_path) == first
    (tmp_path / "regimekit" / "notes.txt").write_text("not code")
    assert source_fingerprint(tmp_path) == first
    file.write_text("x = 2\n")
    second = source_fingerprint(tmp_path)
    file.rename(file.with_name("b.py"))
    assert len({first, second, source_fingerprint(tmp_path)}) == 3


def test_every_kind_of_source_is_there():
    for pattern in SOURCES:
        assert list(ROOT.glob(pattern)), pattern


def test_a_copy_of_the_source_has_its_fingerprint(tmp_path):
    copy_source(tmp_path)
    assert source_fingerprint(tmp_path) == source_fingerprint()
    assert (tmp_path / "user_data" / "strategies" / "RegimeRouter.py").is_file()


def test_data_fingerprint_follows_a_flipped_byte(tmp_path):
    file = tmp_path / "futures" / "BTC.feather"
    file.parent.mkdir()
    file.write_bytes(b"candles")
    first = data_fingerprint(tmp_path)
    file.write_bytes(b"candleS")
    assert data_fingerprint(tmp_path) != first

"""A pulse is read as it was written, or refused with a typed error; never half believed."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import CorruptDataError, DataMissingError, ProviderError
from providers.storage import pulse as module
from providers.storage.pulse import MOST_BYTES, Pulse, pulse_path, read_pulse, write_pulse

AT = datetime(2026, 1, 5, 8, 0, 3, tzinfo=UTC)
CLOSED = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
BEAT = Pulse(AT, CLOSED, 17, "RegimeRouter", "running", ("disk",))

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=zones,
)
# No lone surrogates: a name comes from a class, a state or a gate, all of them text
names = st.text(st.characters(codec="utf-8"), max_size=30)
pulses = st.builds(
    Pulse,
    at=instants,
    candle=st.none() | instants,
    pid=st.integers(1, 2**22),
    strategy=names,
    state=names,
    blocked=st.lists(names, max_size=4).map(tuple),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("pulse")


@given(pulses)
def test_what_is_written_is_read(folder, beat):
    path = pulse_path(folder, "one")
    write_pulse(path, beat)
    assert read_pulse(path) == beat
    assert read_pulse(path).at.tzinfo is UTC


@given(st.binary(max_size=200))
def test_any_other_bytes_are_a_typed_error(folder, content):
    path = folder / "bytes.json"
    path.write_bytes(content)
    with pytest.raises(ProviderError):
        read_pulse(path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.sampled_from(["at", "candle", "pid", "strategy", "state", "blocked"]), json_values)
def test_a_field_of_another_kind_is_refused_or_means_what_it_says(folder, name, value):
    path = folder / "field.json"
    write_pulse(path, BEAT)
    content = json.loads(path.read_bytes()) | {name: value}
    path.write_text(json.dumps(content))
    try:
        found = read_pulse(path)
    except CorruptDataError:
        return
    changed = getattr(found, name)
    assert changed == (tuple(value) if name == "blocked" else value)


def damaged(**changes) -> bytes:
    content = {
        "at": AT.isoformat(),
        "candle": None,
        "pid": 17,
        "strategy": "RegimeRouter",
        "state": "running",
        "blocked": [],
    }
    kept = {name: value for name, value in (content | changes).items() if value != "missing"}
    return json.dumps(kept).encode()


REFUSED = {
    "nothing": (b"", "Expecting value"),
    "torn": (damaged()[:40], "no pulse"),
    "a list": (b"[]", "not a JSON object"),
    "no instant": (damaged(at="missing"), "at is missing"),
    "no candle": (damaged(candle="missing"), "candle is missing"),
    "an instant of no zone": (damaged(at="2026-01-05T08:00:00"), "has no time zone"),
    "a candle of no zone": (damaged(candle="2026-01-05T08:00:00"), "has no time zone"),
    "an instant of no calendar": (damaged(at="2026-02-30T08:00:00+00:00"), "day"),
    "an instant that is a number": (damaged(at=1767600000), "argument must be str"),
    "a pid that is true": (damaged(pid=True), "pid is True"),
    "a pid that is text": (damaged(pid="17"), "pid is '17'"),
    "a state that is nothing": (damaged(state=None), "state is None"),
    "reasons that are one text": (damaged(blocked="disk"), "blocked is not a list"),
    "a reason that is a number": (damaged(blocked=["disk", 1]), "blocked is 1"),
    "too deep": (b"[" * 40_000, "no pulse"),
    "too long": (b" " * MOST_BYTES + damaged(), "more than 65536 bytes"),
}


@pytest.mark.parametrize(("content", "why"), REFUSED.values(), ids=REFUSED)
def test_a_damaged_pulse_says_what_is_wrong(tmp_path, content, why):
    path = tmp_path / "bot.json"
    path.write_bytes(content)
    with pytest.raises(CorruptDataError, match=why) as caught:
        read_pulse(path)
    message = str(caught.value)
    assert message.startswith(f"{path} is no pulse of a bot (")
    assert message.endswith("delete it, the bot writes another")
    assert "\n" not in message


def test_the_undamaged_one_is_read(tmp_path):
    path = tmp_path / "bot.json"
    path.write_bytes(damaged())
    assert read_pulse(path) == Pulse(AT, None, 17, "RegimeRouter", "running", ())


def test_a_pulse_that_is_not_there_is_missing(tmp_path):
    with pytest.raises(DataMissingError, match="does not exist; a bot of the pack writes it"):
        read_pulse(pulse_path(tmp_path, "bot"))
    (tmp_path / "file").write_text("")
    with pytest.raises(DataMissingError):
        read_pulse(tmp_path / "file" / "bot.json")


def test_a_folder_in_its_place_cannot_be_read(tmp_path):
    with pytest.raises(CorruptDataError, match="cannot be read"):
        read_pulse(tmp_path)


@pytest.mark.parametrize("name", ["at", "candle"])
def test_an_instant_without_a_zone_is_refused_before_it_is_written(name):
    naive = {"at": AT, "candle": CLOSED} | {name: AT.replace(tzinfo=None)}
    with pytest.raises(ValueError, match=f"{name} of a pulse must be UTC"):
        Pulse(pid=1, strategy="S", state="running", **naive)


def test_a_failed_write_keeps_the_old_pulse(tmp_path, monkeypatch):
    path = pulse_path(tmp_path, "bot")
    write_pulse(path, BEAT)

    def full(_path, _content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "replace_file", full)
    with pytest.raises(OSError, match="No space"):
        write_pulse(path, Pulse(AT + timedelta(1), None, 18, "RegimeRouter", "running"))
    assert read_pulse(path) == BEAT
    assert [file.name for file in path.parent.iterdir()] == ["bot.json"]


@given(names)
def test_a_name_cannot_leave_the_folder(bot):
    path = pulse_path(Path("user_data"), bot)
    assert path.parent == Path("user_data/pulse")
    assert path.suffix == ".json"


def test_the_name_of_a_bot_is_that_of_its_file():
    assert pulse_path(Path("u"), "one-871300bc") == Path("u/pulse/one-871300bc.json")
    assert pulse_path(Path("u"), "my bot/../x") == Path("u/pulse/my_bot_x.json")

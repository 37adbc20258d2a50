"""Faults over real HTTP: what a client sees, and how tests steer and count them."""

import hashlib
import json
import threading
import time

import httpx
import pytest

from replay.app import create_app
from replay.asof import Exchange
from replay.client import Faults, ReplayError, running
from replay.clock import FrozenClock
from replay.data import Datadir
from replay.faults import FaultError, load, parse
from tests.replay.market import NOW, RECORDINGS, Client
from tests.replay.test_command_line import replay

PATH = "/futures/data/openInterestHist?symbol=BTCUSDT&period=5m"
METRICS = "/data/futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-2026-01-08.zip"
NOW_MS = int(NOW.timestamp() * 1000)


@pytest.fixture(scope="module")
def exchange(datadir):
    with running(datadir, at=NOW, freeze=True) as url:
        yield url


@pytest.fixture
def faults(exchange):
    control = Faults(exchange)
    control.clear()
    control.forget()
    yield control
    control.clear()


@pytest.fixture
def ask(exchange):
    with httpx.Client(base_url=exchange, timeout=10) as client:
        yield client.get


def rule(kind: str, path: str = "/futures/data/", **settings) -> dict:
    return {"path": path, "kind": kind, **settings}


def recorded_error(name: str) -> dict:
    path = RECORDINGS / "binance_um" / "errors" / f"{name}.json"
    if not path.exists():
        pytest.skip(f"no recording {path.name}; the recordings are not part of this repository")
    return json.loads(path.read_text())


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("429_-1003", {"status": 429, "retry_after": 30}),
        ("418_-1003_ban", {"status": 418, "retry_after": 380, "banned_until": 1778353379518}),
        ("451_restricted_location", {"status": 451}),
    ],
)
def test_refusals_read_as_recorded(faults, ask, name, settings):
    faults.set(rule("status", **settings))
    answer, recorded = ask(PATH), recorded_error(name)
    body = json.dumps(recorded["body"]).replace("0.0.0.0", "127.0.0.1")  # noqa: S104
    assert answer.status_code == recorded["http_status"]
    assert answer.json() == json.loads(body)
    for header, value in recorded["headers"].items():
        assert answer.headers[header] == value


def test_a_ban_ends_when_its_retry_after_does(faults, ask):
    faults.set(rule("status", status=418, retry_after=60))
    assert f"banned until {NOW_MS + 60_000}." in ask(PATH).json()["msg"]


def test_other_errors_carry_the_body_they_are_given(faults, ask):
    faults.set(rule("status", status=503, body="busy", count=1), rule("status", status=500))
    assert (ask(PATH).text, ask(PATH).json()["code"]) == ("busy", -1000)


def test_it_is_over_after_its_count_and_begins_after_its_after(faults, ask):
    faults.set(rule("status", status=500, after=1, count=2))
    assert [ask(PATH).status_code for _ in range(4)] == [200, 500, 500, 200]
    assert [faults.rules()[0][name] for name in ("seen", "applied")] == [4, 2]


def test_one_symbol_fails_and_the_other_does_not(faults, ask):
    faults.set(rule("status", status=500, symbol="BTCUSDT"))
    assert ask(PATH).status_code == 500
    assert ask(PATH.replace("BTC", "ETH")).status_code == 200


def test_requests_are_counted_by_path(faults, ask):
    faults.set(rule("status", status=500))
    for path in (PATH, PATH, "/fapi/v1/time"):
        ask(path)
    assert faults.requests() == {"/fapi/v1/time": 1, "/futures/data/openInterestHist": 2}
    faults.forget()
    assert faults.requests() == {}


def test_a_hang_ends_when_the_client_has_had_enough(faults, ask):
    faults.set(rule("hang"))
    with pytest.raises(httpx.ReadTimeout):
        ask(PATH, timeout=0.2)
    faults.clear()
    assert ask(PATH).status_code == 200


def test_a_hang_ends_in_the_right_answer_when_it_is_cleared(faults, ask):
    right = ask(PATH).json()
    faults.set(rule("hang"))
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(ask(PATH)))
    thread.start()
    while not faults.rules()[0]["applied"]:
        pass
    assert not answers
    faults.clear()
    thread.join(10)
    assert answers[0].json() == right


def test_a_hang_of_some_seconds_is_a_late_answer(faults, ask):
    faults.set(rule("hang", seconds=0.2))
    begun = time.monotonic()
    assert ask(PATH).status_code == 200
    assert time.monotonic() - begun >= 0.2


def test_a_drip_arrives_whole_if_one_waits(faults, ask):
    right = ask(PATH)
    faults.set(rule("slow", bytes_per_second=len(right.content) * 4))
    begun = time.monotonic()
    assert ask(PATH).content == right.content
    assert time.monotonic() - begun >= 0.2


def test_a_drip_outlives_no_client(faults, ask, exchange):
    faults.set(rule("slow", bytes_per_second=1))
    with httpx.stream("GET", f"{exchange}{PATH}", timeout=5) as answer:
        assert next(answer.iter_raw(1)) == b"["
    faults.clear()
    assert ask(PATH).status_code == 200


def test_half_an_answer_is_a_broken_one(faults, ask):
    faults.set(rule("cut"))
    with pytest.raises(httpx.RemoteProtocolError, match="closed"):
        ask(PATH)


def test_html_and_empty_and_any_json(faults, ask):
    faults.set(rule("html", count=1), rule("empty_list", count=1), rule("json", body={"a": [None]}))
    page, empty, other = ask(PATH), ask(PATH), ask(PATH)
    assert page.headers["content-type"].startswith("text/html")
    assert (page.status_code, empty.json(), other.json()) == (200, [], {"a": [None]})


def test_an_empty_list_keeps_its_envelope(faults, ask):
    faults.set(rule("empty_list", path="/v5/"))
    answer = ask("/v5/market/funding/history?category=linear&symbol=BTCUSDT").json()
    assert (answer["retCode"], answer["result"]["list"]) == (0, [])


def test_mutations_reach_the_client(faults, ask):
    right = ask(PATH).json()
    faults.set(rule("nan", count=1), rule("gap", rows=5))
    assert ask(PATH).text.count("NaN") == 2 * len(right)
    assert len(ask(PATH).json()) == len(right) - 5


def test_a_frozen_feed_repeats_itself_for_any_span(faults, ask):
    faults.set(rule("freeze"))
    first = ask(PATH).json()
    later = ask(f"{PATH}&startTime={NOW_MS - 600_000}&limit=3").json()
    assert later == first
    assert ask(PATH.replace("5m", "1h")).json() != first  # another question


def test_an_answer_without_rows_is_not_counted_as_spoiled(faults, ask):
    faults.set(rule("gap"))
    assert ask(PATH.replace("BTC", "ETH")).json() == []
    assert ask(PATH.replace("5m", "8h")).status_code == 400
    assert [faults.rules()[0][name] for name in ("seen", "applied")] == [2, 0]


def test_a_flipped_bit_contradicts_the_checksum(faults, ask):
    right = ask(METRICS).content
    faults.set(rule("flip", path="/data/"))
    wrong, said = ask(METRICS).content, ask(f"{METRICS}.CHECKSUM").text
    assert len(wrong) == len(right)
    assert sum((a ^ b).bit_count() for a, b in zip(wrong, right, strict=True)) == 1
    assert hashlib.sha256(right).hexdigest() in said
    assert hashlib.sha256(wrong).hexdigest() not in said


def test_a_bad_checksum_contradicts_a_good_file(faults, ask):
    right = ask(METRICS).content
    faults.set(rule("bad_checksum", path="/data/"))
    assert ask(METRICS).content == right
    assert ask(f"{METRICS}.CHECKSUM").text == f"{'0' * 64}  BTCUSDT-metrics-2026-01-08.zip\n"


def test_a_day_can_be_missing(faults, ask):
    faults.set(rule("missing", path="*2026-01-08.zip*"))
    assert ask(METRICS).status_code == ask(f"{METRICS}.CHECKSUM").status_code == 404
    assert "NoSuchKey" in ask(METRICS).text
    assert ask(METRICS.replace("-08", "-09")).status_code == 200


def test_a_mistake_leaves_the_rules_as_they_were(faults):
    faults.set(rule("html"))
    with pytest.raises(ReplayError, match=r"faults\[0\].kind is 'sulk'"):
        faults.set(rule("sulk"))
    assert [each["kind"] for each in faults.rules()] == ["html"]


def test_a_script_can_be_there_from_the_start(datadir, tmp_path):
    script = tmp_path / "faults.json"
    script.write_text(json.dumps([rule("status", path="/fapi/", status=503)]))
    with running(datadir, at=NOW, freeze=True, options=["--faults", str(script)]) as url:
        assert httpx.get(f"{url}/fapi/v1/time").status_code == 503
        assert httpx.get(f"{url}/api/v3/time").status_code == 200


def test_a_script_that_cannot_be_used_is_refused_at_the_start(datadir, tmp_path):
    script = tmp_path / "faults.json"
    for content, complaint in (("[{}]", "faults[0].kind is None"), ("[", "is not JSON")):
        script.write_text(content)
        result = replay("serve", "--datadir", datadir, "--faults", script)
        assert (result.returncode, result.stdout) == (2, "")
        assert f"--faults: {complaint}" in result.stderr or complaint in result.stderr
    with pytest.raises(FaultError, match="cannot be read"):
        load(tmp_path / "nowhere.json")


def test_the_control_is_not_limited_and_not_counted(datadir):
    app = create_app(
        Exchange(Datadir.scan(datadir), FrozenClock(NOW_MS)),
        enforce_limits=True,
        faults=parse([rule("status", path="/", status=500)]),
    )
    client = Client(app)
    assert client.get("/fapi/v1/time").status_code == 500
    for _ in range(3):
        assert client.get("/ctl/requests").json() == {"/fapi/v1/time": 1}
    assert client.request("DELETE", "/ctl/faults").json() == []
    assert client.get("/fapi/v1/time").status_code == 200
    assert client.request("POST", "/ctl/faults").status_code == 404
    assert client.request("PUT", "/ctl/faults", content="[").status_code == 400


def test_the_control_answers_this_computer_only(datadir):
    app = create_app(Exchange(Datadir.scan(datadir), FrozenClock(NOW_MS)))
    client = Client(app, address="192.0.2.7")
    assert client.get("/fapi/v1/time").status_code == 200
    for method, path in (("GET", "faults"), ("PUT", "faults"), ("DELETE", "requests")):
        assert client.request(method, f"/ctl/{path}").status_code == 403

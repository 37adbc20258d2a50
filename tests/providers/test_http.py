"""What a server may do to us, over real HTTP on loopback, and that nobody waits for ever.

Numbers in the names are the rows of the fault matrix that a test stands for.
"""

import json
import logging
import random
import threading
import time
from datetime import timedelta
from urllib.parse import quote

import httpcore
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Page
from providers.errors import (
    BadAnswerError,
    BadRequestError,
    BannedError,
    BlockedError,
    NotFoundError,
    ProviderError,
    RateLimitedError,
    UnavailableError,
)
from providers.rows.parsing import json_of
from providers.transport.deadline import deadline, remaining
from providers.transport.http import ATTEMPTS, Bounds, HttpClient
from providers.transport.limits import MARGIN, Limiter
from providers.transport.redaction import Asked, guard_logs, redacted
from providers.transport.refusals import LONGEST_BAN, Answer, refusal
from tests.providers.loopback import (
    answer,
    drip,
    endless,
    hang,
    html,
    reset,
    serving,
    truncated,
)
from tests.providers.recorded import recording

NOW = pd.Timestamp("2026-10-01 12:00", tz="UTC").as_unit("ms")
TOTAL = 0.25  # seconds


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.naps: list[float] = []

    def now(self) -> pd.Timestamp:
        return NOW + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.elapsed += seconds


class Rig:
    def __init__(self, **bounds) -> None:
        self.clock = Clock()
        self.limiter = Limiter(
            now=self.clock.now, monotonic=self.clock.monotonic, sleep=self.clock.sleep
        )
        self.client = HttpClient(
            self.limiter,
            Bounds(**({"total": 5.0} | bounds)),
            self.clock.now,
            self.clock.sleep,
            random.Random(7),
        )

    def get(self, url: str, bucket: str = "binance-data", **kwargs) -> bytes:
        return self.client.get(url, bucket=bucket, **kwargs)


@pytest.fixture
def rig():
    made = []

    def make(**bounds):
        made.append(Rig(**bounds))
        return made[-1]

    yield make
    for each in made:
        each.client.close()


def recorded(name: str) -> bytes:
    content = json.loads(recording(f"binance_um/errors/{name}.json"))
    return json.dumps(content["body"]).encode()


def test_a_200_is_its_body_and_parameters_arrive(rig):
    with serving(answer(b'{"a": 1}')) as server:
        body = rig().get(f"{server.url}/x?a=1", params={"b": "x/y", "c": 2}, headers={"K": "v"})
        assert body == b'{"a": 1}'
        assert server.asked == ["/x?a=1&b=x%2Fy&c=2"]
        assert server.headers[0]["K"] == "v"
        assert server.headers[0]["Accept-Encoding"] == "identity"


def test_1_after_429_nothing_is_sent_before_the_pause_is_over(rig):
    body = recorded("429_-1003")
    times = []
    each = rig()

    def noted(step):
        def noting(handler):
            times.append(each.clock.elapsed)
            step(handler)

        return noting

    with serving(noted(answer(body, 429, Retry_After="30")), noted(answer(b"[]"))) as server:
        assert each.get(f"{server.url}/x") == b"[]"
    assert times == [0.0, 31.0]  # the pause and a second for clocks that differ


def test_1_a_second_429_is_reported(rig):
    with serving(answer(b"{}", 429, Retry_After="5")) as server:
        with pytest.raises(RateLimitedError, match="too many requests") as raised:
            rig().get(f"{server.url}/x")
        assert len(server.asked) == 2
    assert raised.value.until == NOW + timedelta(seconds=6 + 5)


def test_1_a_long_pause_is_reported_at_once_and_kept_by_every_caller(rig):
    each = rig()
    with serving(answer(b"{}", 429, Retry_After="3600")) as server:
        for bucket in ("binance-data", "binance-funding", "binance-futures", "binance-data"):
            with pytest.raises(RateLimitedError) as raised:
                each.get(f"{server.url}/x", bucket)
            assert raised.value.until >= NOW + timedelta(hours=1)
        assert len(server.asked) == 1
        assert each.clock.naps == []


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Thu, 01 Oct 2026 14:00:00 GMT", 7200),
        ("7200", 7200),
        ("", 60),
        ("soon", 60),
        ("-5", 60),
        ("9" * 300, 4 * 86400),
        ("Thu, 01 Oct 2020 12:00:30 GMT", 1),
    ],
)
def test_1_how_long_a_429_asks_to_wait(rig, header, seconds):
    each = rig()
    each.limiter.patience = timedelta(0)
    with (
        serving(answer(b"{}", 429, Retry_After=header)) as server,
        pytest.raises(RateLimitedError) as raised,
    ):
        each.get(f"{server.url}/x")
    assert raised.value.until == NOW + timedelta(seconds=seconds)


def test_2_a_ban_ends_all_requests_to_the_venue_until_it_is_over(rig):
    until = NOW + timedelta(minutes=10)
    stamp = round(until.timestamp() * 1000)
    text = f"Way too many requests; IP(0.0.0.0) banned until {stamp}. Please use the websocket."
    body = json.dumps({"code": -1003, "msg": text}).encode()
    each = rig()
    with serving(answer(body, 418, Retry_After="380"), answer(b"[]")) as server:
        with pytest.raises(BannedError) as raised:
            each.get(f"{server.url}/x")
        assert raised.value.until == until
        each.limiter.patience = timedelta(0)
        for second in range(0, 601, 5):
            each.clock.elapsed = float(second)
            with pytest.raises(BannedError, match="banned this address until 2026-10-01 12:10"):
                each.get(f"{server.url}/x", ("binance-futures", "binance-funding")[second % 2])
        assert len(server.asked) == 1
        assert each.get(f"{server.url}/x", "bybit") == b"[]"  # another venue goes on
        each.clock.elapsed = 600.0 + MARGIN.total_seconds()
        assert each.get(f"{server.url}/x") == b"[]"


@pytest.mark.parametrize(("header", "seconds"), [("380", 380), ("", 300)])
def test_2_a_ban_without_an_end(rig, header, seconds):
    with (
        serving(answer(b"teapot", 418, Retry_After=header)) as server,
        pytest.raises(BannedError) as raised,
    ):
        rig().get(f"{server.url}/x")
    assert raised.value.until == NOW + timedelta(seconds=seconds)


def test_3_a_refused_location_says_what_still_works(rig):
    with serving(answer(recorded("451_restricted_location"), 451)) as server:
        with pytest.raises(BlockedError, match=r"location.*data\.binance\.vision.*still works"):
            rig().get(f"{server.url}/x")
        assert len(server.asked) == 1


def test_3_the_firewall_of_binance_and_a_wrong_key_are_not_asked_again(rig):
    with serving(answer(b"<html>", 403), answer(b"{}", 401), answer(b"{}", 402)) as server:
        with pytest.raises(BlockedError, match="firewall"):
            rig().get(f"{server.url}/x")
        for _ in range(2):
            with pytest.raises(BlockedError, match="key"):
                rig().get(f"{server.url}/x", "coinglass")
        assert len(server.asked) == 3


def test_3_a_403_of_bybit_is_a_ban_of_ten_minutes_or_a_location(rig):
    far = answer(b"configured to block access from your country", 403)
    with serving(answer(b"403, access too frequent", 403), far) as server:
        with pytest.raises(BannedError) as raised:
            rig().get(f"{server.url}/x", "bybit")
        assert raised.value.until == NOW + timedelta(minutes=10)
        with pytest.raises(BlockedError, match="country"):
            rig().get(f"{server.url}/x", "bybit")


def test_4_server_errors_are_asked_again_after_pauses_that_grow(rig):
    each = rig()
    with serving(answer(b"a", 500), answer(b"b", 503), answer(b"[1]")) as server:
        assert each.get(f"{server.url}/x", "archive") == b"[1]"
        assert len(server.asked) == 3
    first, second = each.clock.naps
    assert 0.5 <= first <= 1.0 <= second <= 2.0


def test_4_a_lasting_server_error_is_reported_with_its_words(rig):
    with serving(answer(b"Unknown error", 502)) as server:
        with pytest.raises(UnavailableError, match="502: Unknown error"):
            rig().get(f"{server.url}/x", "archive")
        assert len(server.asked) == ATTEMPTS


@pytest.mark.parametrize("script", [hang, drip(), drip(head=True)], ids=["6", "7", "7-head"])
def test_6_7_silence_and_a_slow_drip_end_at_the_deadline(rig, script):
    with serving(script) as server:
        started = time.monotonic()
        with pytest.raises(UnavailableError, match=r"no complete answer within 0\.25 s"):
            rig(total=TOTAL).get(f"{server.url}/x", "archive")
        assert time.monotonic() - started < ATTEMPTS * TOTAL + 2.0
        assert len(server.asked) == ATTEMPTS


def test_7_a_body_has_a_limit_announced_or_not(rig):
    with serving(answer(b"1" * 2000), endless) as server:
        for message in ("has 2000 bytes, at most 1000", "more than 1000 bytes"):
            with pytest.raises(BadAnswerError, match=message):
                rig(body=1000).get(f"{server.url}/x", "archive")
        assert len(server.asked) == 2


def test_8_a_maintenance_page_is_named_by_whoever_reads_it(rig):
    with serving(html) as server:
        body = rig().get(f"{server.url}/x")
    with pytest.raises(BadAnswerError, match="a page is an HTML page"):
        json_of(Page(body, "a page", "BTC/USDT:USDT", NOW))


def test_9_a_cut_body_is_discarded_as_a_whole(rig):
    with serving(truncated, truncated, answer(b"[2]")) as server:
        assert rig().get(f"{server.url}/x", "archive") == b"[2]"
        assert len(server.asked) == 3
    with serving(truncated) as server, pytest.raises(UnavailableError):
        rig().get(f"{server.url}/x", "archive")


def test_30_a_reset_and_a_refused_connection(rig):
    with serving(reset, answer(b"[3]")) as server:
        assert rig().get(f"{server.url}/x", "archive") == b"[3]"
        url = server.url
    with pytest.raises(UnavailableError, match="ConnectError"):
        rig().get(f"{url}/x", "archive")


def test_30_an_unknown_host(rig):
    with pytest.raises(UnavailableError):
        rig().get("http://nowhere.invalid/x", "archive")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_named_and_not_followed(rig, status):
    with serving(answer(b"", status, Location="https://evil.example/y?token=abcdef")) as server:
        with pytest.raises(UnavailableError, match=r"points to evil\.example;") as raised:
            rig().get(f"{server.url}/x")
        assert "abcdef" not in str(raised.value)
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"code": -1130, "msg": "x"}', -1130),
        (b'{"msg": "x", "code": -1130}', -1130),
        (b'{"msg": "x", "retCode": 10001}', 10001),
        (b'{"code": "x"}', None),
        (b'{"code": true}', None),
        (b"[1]", None),
        (b"nonsense", None),
        (b"", None),
    ],
)
def test_a_bad_request_carries_the_code_of_the_venue(rig, body, code):
    with serving(answer(body, 400)) as server:
        with pytest.raises(BadRequestError) as raised:
            rig().get(f"{server.url}/x")
        assert raised.value.code == code
        assert len(server.asked) == 1


def test_not_found_and_other_statuses(rig):
    with serving(answer(b"NoSuchKey", 404), answer(b"", 410), answer(b"", 204)) as server:
        for kind in (NotFoundError, BadRequestError, BadAnswerError):
            with pytest.raises(kind):
                rig().get(f"{server.url}/x")
        assert len(server.asked) == 3


def test_a_refusal_stands_even_where_its_body_breaks_off(rig):
    script = answer(b"banned", 418, Content_Length="400")
    with serving(script) as server, pytest.raises(BannedError):
        rig().get(f"{server.url}/x")


def test_a_packed_body_is_refused(rig):
    script = answer(b"\x1f\x8b", Content_Encoding="gzip")
    with serving(script) as server, pytest.raises(BadAnswerError, match="packed as 'gzip'"):
        rig().get(f"{server.url}/x")


def test_much_used_weight_leaves_the_rest_of_the_minute_to_freqtrade(rig):
    each = rig()
    each.clock.elapsed = 20.0
    heavy = answer(b"[]", X_MBX_USED_WEIGHT_1M="1921")
    with serving(answer(b"[]", X_MBX_USED_WEIGHT_1M="1920"), heavy, answer(b"[]")) as server:
        for elapsed in (20.0, 20.0, 61.0):
            each.get(f"{server.url}/x", "binance-futures")
            assert each.clock.elapsed == elapsed


def test_an_unknown_bucket_is_a_mistake_of_ours(rig):
    with pytest.raises(ValueError, match="no bucket 'x', only binance-futures"):
        rig().get("http://127.0.0.1:9/", "x")


def test_threads_share_a_client(rig):
    each, bodies = rig(), []
    with serving(answer(b"[4]")) as server:
        url = f"{server.url}/x"
        threads = [
            threading.Thread(target=lambda: bodies.append(each.get(url, "bybit"))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert bodies == [b"[4]"] * 8


secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=24)


@given(
    secret=secrets.map(lambda words: f"s3cr{words}"),
    name=st.sampled_from(["auth_token", "api_key", "key", "signature", "token"]),
    where=st.sampled_from(["params", "headers", "url"]),
    status=st.sampled_from([301, 302, 400, 401, 403, 404, 418, 429, 451, 500]),
)
def test_no_message_shows_a_secret(secret, name, where, status):
    url = f"https://host/x?{name}={quote(secret, safe='')}" if where == "url" else "https://host/x"
    given_ = {where: {name: secret}} if where != "url" else {}
    asked = Asked.of(url, **given_)
    assert secret not in asked.address
    assert quote(secret, safe="") not in asked.address
    echo = f"{url} with {secret} and {quote(secret, safe='')}" if where != "url" else url
    headers = {"location": f"https://{secret}.example/{secret}" if where != "url" else url}
    error = refusal(Answer(asked, "coinglass", status, headers, echo.encode(), NOW))
    assert secret not in str(error)
    assert quote(secret, safe="") not in str(error)


@pytest.mark.parametrize("step", [answer(b"s3cr3t!", 400), reset, answer(b"s3cr3t!", 500), hang])
def test_no_error_or_log_shows_a_secret(rig, step, caplog):
    caplog.set_level(logging.DEBUG)
    with serving(answer(b"[]"), step) as server:
        each = rig(total=TOTAL)
        asking = {"params": {"auth_token": "s3cr3t!"}, "headers": {"api_key": "s3cr3t!"}}
        each.get(f"{server.url}/x", "cryptopanic", **asking)
        with pytest.raises(ProviderError) as raised:
            each.get(f"{server.url}/x", "cryptopanic", **asking)
        assert raised.value.__cause__ is None
    assert "s3cr3t" in server.asked[0]
    assert "s3cr3t" not in str(raised.value)
    assert "HTTP Request" in caplog.text
    assert "auth_token=***" in caplog.text
    assert "s3cr3t" not in caplog.text


@pytest.mark.parametrize("key", ["s3cr3t\ntail", "s3cr3t\u00e9tail"])
def test_a_key_that_cannot_be_sent_is_not_shown_either(rig, key):
    with serving(answer(b"[]")) as server, pytest.raises(BadRequestError) as raised:
        rig().get(f"{server.url}/x", "coinglass", headers={"CG-API-KEY": key})
    assert "s3cr3t" not in str(raised.value)
    assert "mistyped" in str(raised.value)


def test_addresses_stay_readable():
    text = "https://host/x?symbol=BTC&token=abc&limit=5 https://host/x?apikey=z"
    assert redacted(text) == "https://host/x?symbol=BTC&token=***&limit=5 https://host/x?apikey=***"


def test_now_is_utc_in_whole_milliseconds():
    now = HttpClient().now()
    assert (now.unit, str(now.tz)) == ("ms", "UTC")
    assert abs((pd.Timestamp.now("UTC") - now).total_seconds()) < 5


@pytest.mark.parametrize("used", ["\u00b2", "\u0663", "", "abc", "1e9", "-5", "9" * 400])
def test_odd_weights_are_no_crash(rig, used):
    used = used.encode("utf-8").decode("latin-1")
    with serving(answer(b"ok", X_MBX_USED_WEIGHT_1M=used)) as server:
        assert rig().get(server.url, "binance-futures") == b"ok"


LOGIN = "influx:hunter2-hunter2"


@pytest.mark.parametrize(
    "step", [answer(b"hunter2-hunter2 is wrong", 400), reset, answer(b"", 302)]
)
def test_who_logs_in_is_shown_nowhere(rig, step, caplog):
    client = rig().client
    caplog.set_level(logging.DEBUG)
    with serving(step) as server:
        url = server.url.replace("://", f"://{LOGIN}@")
        with pytest.raises(ProviderError) as raised:
            client.get(f"{url}/query", bucket="aggr", params={"q": "SELECT"})
        sent = server.headers[0].get("Authorization", "") if server.headers else ""
    assert sent.startswith("Basic ")
    shown = f"{raised.value!r} {caplog.text}"
    assert "hunter2" not in shown
    assert "influx:" not in shown
    assert "/query" in str(raised.value)


@given(
    st.text(
        st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/?#"), min_size=1
    )
)
def test_a_login_is_hidden_whatever_it_is(login):
    shown = redacted(f"GET http://{login}@host:8086/query?q=1 answered")
    assert shown.endswith("://***@host:8086/query?q=1 answered")


def test_what_looks_like_a_login_and_is_none_stays():
    stream = "wss://fstream.binance.com/market/stream?streams=btcusdt@forceOrder"
    assert redacted(stream) == stream


def test_the_loggers_that_speak_are_guarded():
    """A filter of a logger does not see what loggers below it say."""
    guard_logs()
    for name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy"):
        record = logging.LogRecord(name, 10, "", 0, "%s?auth_token=abcdef", ("u",), None)
        assert logging.getLogger(name).filter(record)
        assert record.getMessage() == "u?auth_token=***"


def test_the_proxy_of_the_environment_is_asked_instead(rig, monkeypatch):
    client = rig(total=TOTAL).client
    with serving(answer(b"through the proxy")) as proxy:
        login = proxy.url.replace("://", "://me:secret-word@")
        monkeypatch.setenv("http_proxy", login)
        monkeypatch.setenv("no_proxy", "")
        body = client.get("http://example.invalid/fapi?x=1", bucket="aggr")
        assert body == b"through the proxy"
        assert proxy.asked == ["http://example.invalid/fapi?x=1"]
        assert proxy.headers[0]["Proxy-Authorization"].startswith("Basic ")
    with serving(drip()) as proxy:  # the deadline holds there, too
        monkeypatch.setenv("http_proxy", proxy.url)
        with pytest.raises(UnavailableError, match="no complete answer within"):
            client.get("http://example.invalid/", bucket="aggr")


def test_no_proxy_is_asked_for_a_host_that_needs_none(rig, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving(answer(b"direct")) as server:
        assert rig().get(server.url) == b"direct"


@pytest.mark.parametrize("proxy", ["gopher://me:secret-word@host", "http://me:secret-word@h:x"])
def test_a_proxy_that_cannot_be_used_is_a_typed_error(rig, monkeypatch, proxy):
    client = rig().client
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(UnavailableError, match="the proxy that the environment names") as raised:
        client.get("http://example.invalid/", bucket="aggr")
    assert "secret-word" not in str(raised.value)


def test_a_server_without_tls_is_no_answer(rig):
    client = rig().client
    with serving(answer(b"plain")) as server:
        url = server.url.replace("http:", "https:")
        with pytest.raises(UnavailableError, match="gave no"):
            client.get(url, bucket="aggr")


def test_an_address_of_another_scheme_is_no_answer(rig):
    client = rig().client
    with pytest.raises(UnavailableError, match="UnsupportedProtocol"):
        client.get("ftp://127.0.0.1/x", bucket="aggr")


def test_2_a_ban_has_a_longest_end(rig):
    told = b'{"code": -1003, "msg": "IP banned until 9999999999999."}'
    with serving(answer(told, 418)) as server, pytest.raises(BannedError) as raised:
        rig().get(f"{server.url}/x")
    assert raised.value.until == NOW + LONGEST_BAN


def test_each_step_of_a_request_gets_what_is_left_of_its_time():
    assert (remaining(), remaining(10.0)) == (None, 10.0)
    with deadline(5.0):
        assert 4.0 < remaining(10.0) <= 5.0
        assert 4.0 < remaining() <= 5.0
        assert remaining(0.5) == 0.5
    with deadline(0.0), pytest.raises(httpcore.ReadTimeout):
        remaining(10.0)
    assert remaining() is None


def test_a_proxy_that_speaks_socks_says_what_it_needs(rig, monkeypatch):
    monkeypatch.setattr("providers.transport.deadline.find_spec", lambda name: None)
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(UnavailableError, match=r"install httpx\[socks\]"):
        rig().client.get("http://example.invalid/", bucket="aggr")

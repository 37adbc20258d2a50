"""The operations manual names what exists, and every alarm that the live code can raise."""

import math
import re
import shlex
import sqlite3
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import freqtrade
import pytest
from freqtrade.commands.arguments import Arguments
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import Trade, init_db

from regimekit.hooks import outages, watch
from regimekit.live import OVERLAY, VARIABLE
from scripts import burn_in, health
from tests.deployment.alarms import LEAST, ROOT, Alarm, alarms
from tests.deployment.test_compose import FREQTRADE, defined

MANUAL = ROOT / "docs" / "operations.md"
TEXT = MANUAL.read_text()
ALARMS = alarms()


def plain(text: str) -> str:
    """Return text as it is compared: without line breaks, quotes and the case of letters."""
    return " ".join(text.replace("`", "").split()).lower()


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


def commands(text: str = TEXT) -> list[str]:
    """Return the indented lines, which are commands."""
    blocks = re.findall(r"^(?: {4}| {8})(\S.*)$", text, re.MULTILINE)
    return [line for line in blocks if not line.startswith("|")]


def using(program: str) -> list[list[str]]:
    """Return the words of the commands that run `program`, from it on."""
    found = [shlex.split(line) for line in commands() if program in shlex.split(line)]
    return [words[words.index(program) :] for words in found]


# --- alarms


def test_the_sections_are_there():
    wanted = [
        *("Install", "First dry run", "Health", "What each alarm means", "Burn-in", "Doctor"),
        *("Acknowledgement", "Going live", "Docker", "Upgrade", "Rollback", "Backup and restore"),
        *("FreqUI", "Telegram", "Security checklist"),
    ]
    assert re.findall(r"^## (.+)$", TEXT, re.MULTILINE) == wanted


@pytest.mark.parametrize("alarm", ALARMS, ids=[alarm.where for alarm in ALARMS])
def test_every_alarm_is_explained(alarm):
    if len(alarm.fragment) < LEAST:
        assert alarm.text in {"", "%s", "%s recovered after %d failure(s)."}, (
            f"{alarm.where} says nothing that can be looked for: {alarm.text!r}"
        )
        return
    assert plain(alarm.fragment) in plain(section("What each alarm means")), (
        f"{alarm.where} can say {alarm.text!r}; docs/operations.md does not explain it"
    )


def test_the_check_finds_alarms_and_would_miss_one():
    assert len(ALARMS) > 25
    assert any("health.py" in alarm.where or "feed.py" in alarm.where for alarm in ALARMS)
    unknown = Alarm("x.py:1", "%s is on fire since %s")
    assert plain(unknown.fragment) not in plain(section("What each alarm means"))


def test_every_reason_of_a_lock_is_explained():
    reasons = [*watch.REASONS.values(), outages.REASON.format(pair="…")]
    for reason in reasons:
        assert f"`{reason}`" in section("What each alarm means"), reason


def test_what_a_damaged_file_says_is_explained():
    """The one alarm whose words are put together elsewhere than where it is raised."""
    for words in ("it was kept as", "and is fetched anew"):
        assert words in (ROOT / "providers" / "storage" / "history.py").read_text()
        assert words in section("What each alarm means")


def test_messages_of_freqtrade_are_those_of_the_pinned_version():
    table = section("What each alarm means").partition("**Of Freqtrade itself**")[2]
    told = [text.strip(" …") for text in re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)]
    package = Path(freqtrade.__file__).parent
    sources = "\n".join(path.read_text() for path in package.rglob("*.py"))
    assert len(told) == 5
    assert not [text for text in told if text not in sources]


def test_every_verdict_of_health_is_explained():
    """The static words of `scripts/health.py`'s lines stand in the table."""
    for words in ("the last loop was", "the newest analyzed candle closed", "in the future"):
        assert words in Path(health.__file__).read_text()
        assert words in section("Health")
    for words in ("no candle has been analyzed yet", "new positions are blocked", "holds no pulse"):
        assert words in Path(health.__file__).read_text()
        assert words in section("Health")
    assert f"{health.LOOP_SECONDS // 60} minutes" == "2 minutes"
    assert "within two minutes" in section("First dry run")


# --- commands and names


def test_every_file_that_is_named_exists():
    named = set(re.findall(r"\b(?:scripts|config|docs|tests)/[\w./-]+\.(?:py|json|md)\b", TEXT))
    named |= set(re.findall(r"\bdocker-compose[\w.]*\.yml\b", TEXT))
    named -= {"config/local.json"}  # the reader's own
    assert len(named) > 8
    missing = [name for name in sorted(named) if not (ROOT / name).exists()]
    assert not missing
    linked = re.findall(r"\]\(([\w./-]+\.md)\)", TEXT)
    assert not [name for name in linked if not (MANUAL.parent / name).exists()]


def test_every_link_inside_leads_to_a_heading():
    headings = re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    anchors = {
        re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in headings
    }
    assert set(re.findall(r"\]\(#([\w-]+)\)", TEXT)) <= anchors


def test_our_scripts_know_the_options_that_are_given_to_them():
    seen = 0
    for words in map(shlex.split, commands()):
        scripts = [word for word in words if word.startswith("scripts/")]
        for script in scripts:
            source = (ROOT / script).read_text()
            rest = words[words.index(script) + 1 :]
            for stop in (">>", "||", "|"):
                rest = rest[: rest.index(stop)] if stop in rest else rest
            for option in (word for word in rest if word.startswith("-") and word != "--help"):
                assert f'"{option}"' in source, f"{script} {option}"
                seen += 1
    assert seen > 8


def test_freqtrade_understands_the_commands_that_are_given_to_it():
    found = using(".venv/bin/freqtrade")
    assert len(found) > 3
    for words in found:
        Arguments(words[1:]).get_parsed_arg()
    with pytest.raises((SystemExit, OperationalException)):
        Arguments(["trade", "--no-such-option"]).get_parsed_arg()


def test_make_knows_its_targets():
    makefile = (ROOT / "Makefile").read_text()
    for words in map(shlex.split, commands()):
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), words


def test_variables_and_services_are_those_of_the_compose_files():
    known = set(defined())
    for name in set(re.findall(r"\b(?:BOT|SECOND|REGIMEROUTER)_[A-Z_]+\b", TEXT)):
        assert name in known, name
    assert VARIABLE in TEXT
    assert OVERLAY in TEXT
    compose = (ROOT / "docker-compose.yml").read_text()
    for words in using("docker"):
        if words[1:2] == ["compose"] and "up" in words:
            services = [word for word in words[words.index("up") + 1 :] if word != "-d"]
            assert all(f"\n  {service}:" in compose for service in services)


def test_the_image_that_is_pinned_is_the_one_that_is_built():
    pinned = f"freqtradeorg/freqtrade:{FREQTRADE}"
    pin = TEXT[TEXT.index("### Pin the image") :]
    assert f"docker pull {pinned}" in pin
    assert pinned in (ROOT / "Dockerfile").read_text()
    assert set(re.findall(r"freqtradeorg/freqtrade:([\w.]+)", TEXT)) == {FREQTRADE}


# --- what the manual measures


@pytest.fixture
def database(tmp_path) -> Path:
    """Freqtrade's own tables with three closed trades, +30, -10 and -10, and an open one."""
    path = tmp_path / "trades.sqlite"
    init_db(f"sqlite:///{path}")
    opened = datetime(2026, 3, 1, tzinfo=UTC)
    for profit in (30.0, -10.0, -10.0, None):
        trade = Trade(
            pair="BTC/USDT:USDT",
            exchange="binance",
            open_date=opened,
            open_rate=100.0,
            amount=1.0,
            stake_amount=100.0,
            fee_open=0.0,
            fee_close=0.0,
            is_open=profit is None,
            close_profit_abs=profit,
            close_date=None if profit is None else opened + timedelta(hours=1),
        )
        Trade.session.add(trade)
    Trade.commit()
    Trade.session.remove()
    return path


def queries() -> list[str]:
    return [words[-1] for words in using("sqlite3") if words[-1].startswith("select")]


def test_the_query_for_locks_is_one_of_freqtrade_s_tables(database):
    assert len(queries()) == 1
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        assert connection.execute(queries()[0]).fetchall() == []


def test_a_backup_is_whole_while_the_bot_has_the_database_open(database, tmp_path):
    lines = [line for line in commands(section("Backup and restore")) if "sqlite3" in line]
    assert len(lines) == 2
    with sqlite3.connect(database) as bot:
        bot.execute("update trades set close_profit_abs = 40 where close_profit_abs = 30")
        bot.commit()
        bot.execute("begin")  # as a bot that is about to write
        for line in lines:
            here = line.replace("user_data/bots/bot/trades.live.sqlite", str(database))
            try:
                told = subprocess.run(
                    shlex.split(here), cwd=tmp_path, capture_output=True, text=True, check=True
                )
            except FileNotFoundError:
                pytest.skip("needs the sqlite3 command")
    assert told.stdout == "ok\n"
    with sqlite3.connect(tmp_path / "backup.sqlite") as copy:
        best = copy.execute("select max(close_profit_abs) from trades").fetchone()
    assert best == (40.0,)


def test_the_marks_are_those_of_the_script():
    marks = section("Burn-in")
    minutes = burn_in.DAYS * 24 * 60
    for mark in (
        f"above {burn_in.PASSING_FACTOR}",
        f"{burn_in.FAILING_FACTOR} to {burn_in.PASSING_FACTOR}",
        f"fewer than {burn_in.LEAST_TRADES} trades",
        f"below {burn_in.FAILING_FACTOR}",
        f"longer than {burn_in.LONGEST_OUTAGE.total_seconds() / 60:.0f} minutes",
    ):
        assert mark in marks, mark
    assert f"at most 100 of {minutes} (1 %)" in marks
    assert math.floor(burn_in.MOST_BAD_SHARE * minutes) == 100
    assert burn_in.DAYS == 7
    assert "Seven days" in marks
    for code in burn_in.EXIT_CODES.values():
        assert f"{code} " in marks


def test_what_health_prints_is_what_the_burn_in_reads(tmp_path, capsys):
    assert health.main(["--userdir", str(tmp_path), "--json"]) == 1
    answers = tmp_path / "health.jsonl"
    answers.write_text(capsys.readouterr().out)
    ((at, healthy),) = burn_in._answers(answers)
    assert datetime.now(UTC) - at < timedelta(minutes=1)
    assert healthy is False

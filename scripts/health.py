"""Say whether a bot or the recorder makes progress: exit code 0 when it does, else 1.

A bot is healthy when its loop went round lately AND it analyzed a recent candle; the loop alone
goes round on frozen data too. Whoever answers pings proves nothing at all. The recorder is healthy
when it wrote its state lately, some source of every dataset answers, and rows reach the disk.
Nothing is asked of the process itself and nothing is written, so this runs in a read-only container
and beside a bot that hangs. One line says what was found.
"""

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a checkout need not be installed

from providers.errors import CorruptDataError, DataMissingError, ProviderError  # noqa: E402
from providers.live.health import State  # noqa: E402
from providers.live.recorder import STATUS_FILE  # noqa: E402
from providers.status import duration_of  # noqa: E402
from providers.storage.pulse import FOLDER, SUFFIX, Pulse, pulse_path, read_pulse  # noqa: E402
from providers.storage.store import STORE_FOLDER  # noqa: E402

USERDIR = ROOT / "user_data"
# Loops are 5 s apart, the pulse is written every 10 s, and the analysis of many pairs takes a
# minute; twice that is a loop that waits for something.
LOOP_SECONDS = 120
GRACE_SECONDS = 60  # from a candle's close to its analysis
CANDLES = 2  # closed since the newest analyzed one: one is due, the next says that it was missed
STATUS_SECONDS = 180  # the recorder writes its state every minute
WRITTEN_SECONDS = 1500  # of what can be fetched again, rows are gathered for 15 minutes
AHEAD = timedelta(seconds=5)  # a clock that was set back makes old news look young
_DIGEST = re.compile(r"-[0-9a-f]{8}$")  # what regimekit.hooks.names adds to a bot's name


@dataclass(frozen=True, slots=True)
class Limits:
    """How old what may be."""

    loop: timedelta = timedelta(seconds=LOOP_SECONDS)
    timeframe: timedelta = timedelta(minutes=15)
    grace: timedelta = timedelta(seconds=GRACE_SECONDS)
    status: timedelta = timedelta(seconds=STATUS_SECONDS)
    written: timedelta = timedelta(seconds=WRITTEN_SECONDS)

    @property
    def candle(self) -> timedelta:
        """Return how old the close of the newest analyzed candle may be."""
        return CANDLES * self.timeframe + self.grace


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it is healthy, why in one line, and the figures behind it."""

    healthy: bool
    why: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the verdict on what `arguments` name; return 0 when it is healthy, else 1."""
    options = _parser().parse_args(arguments)
    now = options.at or datetime.now(UTC)
    limits = Limits(
        loop=options.loop_seconds,
        timeframe=duration_of(options.timeframe),
        grace=options.grace_seconds,
        status=options.status_seconds,
        written=options.written_seconds,
    )
    try:
        if options.recorder:
            verdict = judge_recorder(*recorder_facts(options.recorder), now, limits)
        else:
            verdict = judge_bot(find_pulse(options.userdir / FOLDER, options.bot), now, limits)
    except (ProviderError, OSError) as error:
        verdict = Verdict(False, str(error))
    told = {"at": now.isoformat(), "healthy": verdict.healthy, "why": verdict.why, **verdict.facts}
    print(json.dumps(told) if options.json else verdict.why)
    return 0 if verdict.healthy else 1


def judge_bot(pulse: Pulse, now: datetime, limits: Limits) -> Verdict:
    """Return whether a bot makes progress.

    It does when its loop went round at most ``limits.loop`` ago and it analyzed a candle that
    closed at most ``limits.candle`` ago. That new positions are blocked is no illness: it is
    told, and its cause has an alarm of its own.
    """
    loop = now - pulse.at
    candle = None if pulse.candle is None else now - pulse.candle
    facts = {
        "strategy": pulse.strategy,
        "state": pulse.state,
        "pid": pulse.pid,
        "blocked": list(pulse.blocked),
        "loop_seconds": loop.total_seconds(),
        "candle_seconds": None if candle is None else candle.total_seconds(),
    }
    name, blocked = pulse.strategy, ""
    if pulse.blocked:
        blocked = f"; new positions are blocked: {', '.join(pulse.blocked)}"
    if -loop > AHEAD:
        why = f"{name}: the last loop is {_words(-loop)} in the future, a clock was changed"
    elif loop > limits.loop:
        why = f"{name}: the last loop was {_words(loop)} ago, {_words(limits.loop)} is allowed"
    elif candle is None:
        why = f"{name}: no candle has been analyzed yet"
    elif -candle > AHEAD:
        why = f"{name}: the newest candle closes {_words(-candle)} in the future"
    elif candle > limits.candle:
        why = (
            f"{name}: the newest analyzed candle closed {_words(candle)} ago, "
            f"{_words(limits.candle)} is allowed"
        )
    else:
        good = f"{name}: loop {_words(loop)} ago, candle closed {_words(candle)} ago"
        return Verdict(True, good + blocked, facts)
    return Verdict(False, why + blocked, facts)


def judge_recorder(
    status: Mapping[str, Any], written: datetime | None, now: datetime, limits: Limits
) -> Verdict:
    """Return whether a recorder makes progress.

    Parameters
    ----------
    status : mapping
        What the recorder wrote: ``at``, and ``feeds`` with a state by name of dataset and pair.
    written : datetime or None
        When rows were last written to a dataset of the feeds, None where there are none.

    Raises
    ------
    CorruptDataError
        The status is not what a recorder writes.
    """
    at, feeds = _status_fields(status)
    age, silent = now - at, _silent(feeds)
    since = None if written is None else now - written
    facts = {
        "status_seconds": age.total_seconds(),
        "written_seconds": None if since is None else since.total_seconds(),
        "feeds": len(feeds),
        "feeds_ok": sum(state == State.OK for state in feeds.values()),
        "silent": silent,
    }
    if -age > AHEAD:
        why = f"recorder: its state is {_words(-age)} in the future, a clock was changed"
    elif age > limits.status:
        why = f"recorder: it wrote its state {_words(age)} ago, {_words(limits.status)} is allowed"
    elif silent:
        why = f"recorder: nothing reliable of {', '.join(silent)}"
    elif since is None or since > limits.written:
        rows = "no rows are there" if since is None else f"the last rows are {_words(since)} old"
        why = f"recorder: {rows}, {_words(limits.written)} is allowed"
    else:
        count = f"{facts['feeds_ok']} of {facts['feeds']} feeds are OK"
        return Verdict(True, f"recorder: {count}, rows written {_words(since)} ago", facts)
    return Verdict(False, why, facts)


def find_pulse(folder: Path, bot: str | None) -> Pulse:
    """Return the latest pulse of a bot; without a name there may be only one bot.

    A bot that got another database has another file; its name is the same, and the newest counts.

    Raises
    ------
    DataMissingError
        There is none, or several bots and no name.
    CorruptDataError
        A file is no pulse.
    """
    paths = sorted(folder.glob(f"[!.]*{SUFFIX}"))
    names = sorted({_bot_of(path) for path in paths})
    if bot is None and len(names) > 1:
        raise DataMissingError(
            f"{folder} holds the pulses of {', '.join(names)}; name one with --bot"
        )
    stem = None if bot is None else pulse_path(folder, bot).stem
    found = [path for path in paths if stem in {None, path.stem, _bot_of(path)}]
    if not found:
        which = "of a bot" if bot is None else f"of {bot}"
        raise DataMissingError(
            f"{folder} holds no pulse {which}; a bot of the pack writes it when its loop goes round"
        )
    return max((read_pulse(path) for path in found), key=lambda pulse: pulse.at)


def _bot_of(path: Path) -> str:
    """Return the bot_name behind a file of its pulse, without the digest of its database."""
    return _DIGEST.sub("", path.stem)


def recorder_facts(datadir: Path) -> tuple[Mapping[str, Any], datetime | None]:
    """Return what the recorder of a data folder says of itself, and when rows were written.

    Raises
    ------
    DataMissingError
        No recorder has written here.
    CorruptDataError
        What it wrote cannot be read.
    """
    path = datadir / STORE_FOLDER / STATUS_FILE
    try:
        status = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise DataMissingError(
            f"{path} does not exist; `python -m providers record --datadir {datadir}` writes it"
        ) from None
    except (ValueError, RecursionError) as error:
        raise CorruptDataError(f"{path} is no JSON; the recorder writes it anew") from error
    if not isinstance(status, Mapping):
        raise CorruptDataError(f"{path} is no state of a recorder; it writes it anew")
    _, feeds = _status_fields(status)
    names = {name.split()[0] for name in feeds if name.split()}
    stamps = [
        file.stat().st_mtime
        for name in names
        for file in (path.parent / name).glob("**/*.feather")
        if not file.name.startswith(".")
    ]
    return status, datetime.fromtimestamp(max(stamps), UTC) if stamps else None


def _status_fields(status: Mapping[str, Any]) -> tuple[datetime, Mapping[str, str]]:
    try:
        at, feeds = datetime.fromisoformat(status["at"]), status["feeds"]
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptDataError(f"{STATUS_FILE} names no time ({error})") from error
    if at.tzinfo is None or not isinstance(feeds, Mapping):
        raise CorruptDataError(f"{STATUS_FILE} is not what a recorder writes")
    return at, feeds


def _silent(feeds: Mapping[str, str]) -> list[str]:
    """Return the datasets that no feed has anything reliable of, with the states of their feeds."""
    states: dict[str, set[str]] = defaultdict(set)
    for name, state in feeds.items():
        states[name.split()[0] if name.split() else name].add(str(state))
    return [
        f"{name} ({', '.join(sorted(found))})"
        for name, found in sorted(states.items())
        if State.OK not in found
    ]


def _words(span: timedelta) -> str:
    """Return a duration as a person says it: 42 s, 31 min 5 s, 3 h 2 min."""
    seconds = round(span.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def _seconds(text: str) -> timedelta:
    try:
        seconds = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds") from None
    if not 1 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is not within 1 to 86400 seconds")
    return timedelta(seconds=seconds)


def _timeframe(text: str) -> str:
    if not re.fullmatch(r"[1-9]\d{0,3}[mhdw]", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no timeframe; write 15m or 1h")
    return text


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write 2026-03-01T12:00") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="health",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: scripts/health.py --userdir user_data --bot regimerouter --json",
    )
    parser.add_argument(
        "--userdir", type=Path, default=USERDIR, metavar="DIR",
        help="Freqtrade's user folder of the bot (default: user_data)",
    )  # fmt: skip
    parser.add_argument(
        "--bot", metavar="NAME", help="bot_name of its configuration, where the folder has several"
    )
    parser.add_argument(
        "--recorder", type=Path, metavar="DATADIR",
        help="judge the recorder of this data folder instead of a bot",
    )  # fmt: skip
    parser.add_argument(
        "--loop-seconds", type=_seconds, default=timedelta(seconds=LOOP_SECONDS), metavar="S",
        help=f"since the last loop, at most (default: {LOOP_SECONDS})",
    )  # fmt: skip
    parser.add_argument(
        "--timeframe", type=_timeframe, default="15m", metavar="TF",
        help=f"of the strategy; {CANDLES} candles and the grace may pass (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--grace-seconds", type=_seconds, default=timedelta(seconds=GRACE_SECONDS), metavar="S",
        help=f"from a candle's close to its analysis (default: {GRACE_SECONDS})",
    )  # fmt: skip
    parser.add_argument(
        "--status-seconds", type=_seconds, default=timedelta(seconds=STATUS_SECONDS), metavar="S",
        help=f"since the recorder wrote its state, at most (default: {STATUS_SECONDS})",
    )  # fmt: skip
    parser.add_argument(
        "--written-seconds", type=_seconds, default=timedelta(seconds=WRITTEN_SECONDS), metavar="S",
        help=f"since the recorder wrote rows, at most (default: {WRITTEN_SECONDS})",
    )  # fmt: skip
    parser.add_argument(
        "--at", type=_instant, metavar="TIME", help="judge as of this time, UTC (default: now)"
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())

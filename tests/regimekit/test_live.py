"""The acknowledgement of live trading: one sentence, one account, a month at most."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.live import (
    MOST_DAYS,
    OVERLAY,
    VARIABLE,
    Acknowledgement,
    AcknowledgementError,
    check_acknowledgement,
    parse_acknowledgement,
)
from regimekit.settings import LiveSettings

TODAY = date(2026, 3, 1)
MINE = LiveSettings(account="sub-1", overlay=OVERLAY)
names = st.text(st.characters(whitelist_categories=("L", "N")), min_size=1, max_size=12)
accounts = st.lists(names, min_size=1, max_size=3).map(" ".join)
days = st.dates(date(2020, 1, 1), date(2090, 1, 1))


@given(accounts, days)
def test_what_is_written_is_read_again(account, until):
    said = Acknowledgement(account, until)
    assert parse_acknowledgement(str(said)) == said
    assert parse_acknowledgement(f"  {said}\n") == said


@given(days, st.integers(-40, 80))
def test_a_day_counts_from_today_to_a_month_ahead_and_no_other(today, ahead):
    said = str(Acknowledgement("sub-1", today + timedelta(days=ahead)))
    if 0 <= ahead <= MOST_DAYS:
        assert check_acknowledgement(said, MINE, today).until == today + timedelta(days=ahead)
    else:
        with pytest.raises(AcknowledgementError):
            check_acknowledgement(said, MINE, today)


@given(accounts, accounts)
def test_another_account_is_never_accepted(mine, other):
    settings = LiveSettings(account=mine, overlay=OVERLAY)
    said = str(Acknowledgement(other, TODAY))
    if mine == other and mine.lower() != "account":
        assert check_acknowledgement(said, settings, TODAY).account == mine
    else:
        with pytest.raises(AcknowledgementError):
            check_acknowledgement(said, settings, TODAY)


@given(st.text(max_size=80))
def test_any_other_text_is_refused_with_a_message_and_nothing_else(text):
    with pytest.raises(AcknowledgementError, match=r"\S"):
        check_acknowledgement(text, MINE, TODAY)


REFUSED = {
    "nothing": (None, MINE, f'{VARIABLE} is not set.*I accept the loss of sub-1 until 2026-03-31"'),
    "blanks": ("  ", MINE, "is not set"),
    "yes": ("yes", MINE, "is not the sentence"),
    "another account": ("I accept the loss of sub-2 until 2026-03-05", MINE, "'sub-2', but"),
    "its placeholder": ("I accept the loss of ACCOUNT until YYYY-MM-DD", MINE, "not the sentence"),
    "no day": ("I accept the loss of sub-1 until 2026-02-30", MINE, "2026-02-30, which is no day"),
    "yesterday": ("I accept the loss of sub-1 until 2026-02-28", MINE, "ended on 2026-02-28"),
    "32 days": ("I accept the loss of sub-1 until 2026-04-02", MINE, "at most 30 days ahead"),
    "more after it": ("I accept the loss of sub-1 until 2026-03-05!", MINE, "not the sentence"),
    "no overlay": (
        "I accept the loss of sub-1 until 2026-03-05",
        LiveSettings(account="sub-1"),
        "config/live.json is not loaded; add `-c config/live.json`",
    ),
    "no account": (
        "I accept the loss of sub-1 until 2026-03-05",
        LiveSettings(overlay=OVERLAY),
        "regimekit.live.account is ''",
    ),
    "the placeholder as account": (
        "I accept the loss of ACCOUNT until 2026-03-05",
        LiveSettings(account="ACCOUNT", overlay=OVERLAY),
        "regimekit.live.account is 'ACCOUNT'",
    ),
}


@pytest.mark.parametrize(("text", "settings", "words"), REFUSED.values(), ids=REFUSED)
def test_refusals_name_the_way_out(text, settings, words):
    with pytest.raises(AcknowledgementError, match=words):
        check_acknowledgement(text, settings, TODAY)

"""The acknowledgement without which the pack trades no real money.

Two acts are needed, so that neither a forgotten flag nor a copied command does it: the overlay
``config/live.json``, and a sentence in the environment that names the account and its own end.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta

from regimekit.settings.live import LiveSettings

VARIABLE = "REGIMEROUTER_LIVE_ACK"
OVERLAY = "config/live.json"
SENTENCE = "I accept the loss of {account} until {until}"
# A month: long enough not to be typed blindly, short enough to be thought about again.
MOST_DAYS = 30
REMIND_DAYS = 3  # before the last day a bot that trades says so, once a day
PLACEHOLDERS = {"account", "your account", "my account"}

_SENTENCE = re.compile(r"I accept the loss of (?P<account>\S.*?) until (?P<until>\d{4}-\d\d-\d\d)")


class AcknowledgementError(ValueError):
    """Live trading has not been acknowledged; the message names what is missing and the way out."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What was accepted.

    Attributes
    ----------
    account : str
        Whose loss is accepted.
    until : date
        Last day on which a bot may start, UTC.
    """

    account: str
    until: date

    def __str__(self) -> str:
        return SENTENCE.format(account=self.account, until=self.until.isoformat())


def parse_acknowledgement(text: str) -> Acknowledgement:
    """Read the sentence; AcknowledgementError when it is another one or its day does not exist."""
    found = _SENTENCE.fullmatch(text.strip())
    if found is None:
        wanted = SENTENCE.format(account="ACCOUNT", until="YYYY-MM-DD")
        raise AcknowledgementError(f"{VARIABLE} is not the sentence {wanted!r}")
    try:
        until = date.fromisoformat(found["until"])
    except ValueError:
        raise AcknowledgementError(
            f"{VARIABLE} ends with {found['until']}, which is no day; write it as YYYY-MM-DD"
        ) from None
    return Acknowledgement(found["account"], until)


def check_acknowledgement(text: str | None, settings: LiveSettings, today: date) -> Acknowledgement:
    """Return what was accepted, if that allows to trade for real on `today`.

    Parameters
    ----------
    text : str or None
        Value of the environment variable `VARIABLE`, None where it is not set.
    today : date
        UTC.

    Raises
    ------
    AcknowledgementError
        The overlay is not loaded, no account is configured, or the sentence is missing, names
        another account, is over, or reaches further than `MOST_DAYS`.
    """
    if settings.overlay != OVERLAY:
        raise AcknowledgementError(f"{OVERLAY} is not loaded; add `-c {OVERLAY}` to the command")
    if not settings.account.strip() or settings.account.strip().lower() in PLACEHOLDERS:
        raise AcknowledgementError(
            f"regimekit.live.account is {settings.account!r}; name the account that trades in a "
            "config file of your own"
        )
    last = today + timedelta(days=MOST_DAYS)
    example = Acknowledgement(settings.account, last)
    if not (text or "").strip():
        raise AcknowledgementError(
            f'{VARIABLE} is not set; if you mean it: export {VARIABLE}="{example}"'
        )
    accepted = parse_acknowledgement(text or "")
    if accepted.account != settings.account:
        raise AcknowledgementError(
            f"{VARIABLE} names {accepted.account!r}, but regimekit.live.account is "
            f"{settings.account!r}; they must be the same account"
        )
    if accepted.until < today:
        raise AcknowledgementError(
            f'{VARIABLE} ended on {accepted.until}; renew it: export {VARIABLE}="{example}"'
        )
    if accepted.until > last:
        raise AcknowledgementError(
            f"{VARIABLE} reaches until {accepted.until}, expected at most {MOST_DAYS} days ahead "
            f"({last})"
        )
    return accepted


def reminder(accepted: Acknowledgement, today: date) -> str | None:
    """Return what to tell the trader on `today`, None while the end is far away."""
    if (accepted.until - today).days > REMIND_DAYS:
        return None
    return (
        f"The acknowledgement of live trading ends on {accepted.until}. This bot goes on, but "
        f"after that day it neither starts nor reloads: renew {VARIABLE} and restart it before."
    )

"""What a bot is called in the files that outlive it."""

import contextlib
import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError


def bot_name(config: Mapping[str, Any]) -> str:
    """Return what tells one bot from another: its name, and its database without the password.

    Parameters
    ----------
    config : Mapping
        Freqtrade's configuration; ``bot_name`` and ``db_url`` are read, and both may be missing.

    Returns
    -------
    str
        ``<bot_name>-<8 hex digits>``, the same after a restart.

    Examples
    --------
    >>> bot_name({"bot_name": "one", "db_url": "sqlite:///one.sqlite"})
    'one-871300bc'
    """
    name, address = str(config.get("bot_name") or "freqtrade"), ""
    with contextlib.suppress(ArgumentError, ValueError):
        address = make_url(str(config.get("db_url"))).render_as_string(hide_password=True)
    digest = hashlib.sha256(f"{name} {address}".encode()).hexdigest()[:8]
    return f"{name}-{digest}"

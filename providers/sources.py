"""What a provider is built from, and how a dataset file announces itself to the registry."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from providers.contract import Client, Dataset, Provider
from providers.endpoints import Endpoints
from providers.errors import KeyMissingError


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything that providers share.

    Attributes
    ----------
    client : Client
        Asks within the request limits of each venue.
    endpoints : Endpoints
        Whom it asks.
    archive_cache : Path or None
        Folder that keeps downloaded archive files; without one they are fetched each time.
    keys : mapping of str to str
        The environment, where keys to paid sources are looked up and nowhere else.
    flow_step : timedelta
        Length of the candles that taker flow is read from.
    verify_labels : bool
        Compare the labels of every archived metrics file with mark prices, at the cost of a second
        download. Else this is done around the switch of 2026-06-25 and once a month.
    """

    client: Client
    endpoints: Endpoints = field(default_factory=Endpoints)
    archive_cache: Path | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    flow_step: timedelta = timedelta(minutes=15)
    verify_labels: bool = False

    def key(self, variable: str, vendor: str, where: str) -> str:
        """Return a key from the environment.

        Raises
        ------
        KeyMissingError
            It is not set; the message says what to set and where to get it.
        """
        value = self.keys.get(variable, "").strip()
        if not value:
            raise KeyMissingError(
                f"{vendor} needs a key and {variable} is not set; get one at {where} and "
                f"export {variable}=... (an environment variable, never a file that git tracks)"
            )
        return value


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the registry.

    Attributes
    ----------
    dataset : Dataset
        What the rows mean.
    providers : callable
        Builds the sources of its history, the preferred one first; they complement each other.
        Empty for datasets that can only be recorded.
    native : str or None
        Freqtrade's candle type whose files hold it too.
    recorded : bool
        Nobody keeps a history: rows exist from the day a recorder runs.
    key : str or None
        Environment variable that it needs: a key, or the address of an own server.
    poll : timedelta or None
        How often a live feed asks; the dataset's step where it is not given.
    """

    dataset: Dataset
    providers: Callable[[Sources], tuple[Provider, ...]]
    native: str | None = None
    recorded: bool = False
    key: str | None = None
    poll: timedelta | None = None

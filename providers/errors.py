"""What can go wrong with data, as types that a caller can tell apart.

Every message names the thing, the value and the way out, so that the command line can print it
as it is.
"""

import pandas as pd


class ProviderError(Exception):
    """Data is missing, damaged or refused; the message says which and what to do."""


class DataMissingError(ProviderError):
    """A folder, file or period that was asked for is not there."""


class CorruptDataError(ProviderError):
    """A file exists but cannot be trusted: unreadable, truncated, or not matching its checksum."""


class BadAnswerError(ProviderError):
    """A source answered, and the answer is not what its documentation says."""


class KeyMissingError(ProviderError):
    """A source wants a key that the environment does not hold; the message names the variable."""


class SourceError(ProviderError):
    """A source did not give an answer."""


class NotFoundError(SourceError):
    """The source has no such thing (404): an archive day that is not published, for example."""


class BadRequestError(SourceError):
    """The source refused the request itself (400); repeating it changes nothing.

    Attributes
    ----------
    code : int or None
        The venue's own code, for example -1130.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class UnavailableError(SourceError):
    """No answer in time, no connection, or a server error; it may pass."""


class RateLimitedError(SourceError):
    """The source asks for a pause until `until`; nothing may be sent before."""

    def __init__(self, message: str, until: pd.Timestamp) -> None:
        super().__init__(message)
        self.until = until


class BannedError(RateLimitedError):
    """The source has banned this address until `until`."""


class BlockedError(SourceError):
    """The source does not serve this location or client (451, 403); repeating does not help."""

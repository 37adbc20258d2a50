"""What can go wrong with data, as types that a caller can tell apart.

Every message names the thing, the value and the way out, so that the command line can print it
as it is.
"""


class ProviderError(Exception):
    """Data is missing, damaged or refused; the message says which and what to do."""


class DataMissingError(ProviderError):
    """A folder, file or period that was asked for is not there."""


class CorruptDataError(ProviderError):
    """A file exists but cannot be trusted: unreadable, truncated, or not matching its checksum."""

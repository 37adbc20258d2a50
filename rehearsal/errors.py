"""What keeps a rehearsal from being held."""


class RehearsalError(RuntimeError):
    """A rehearsal cannot begin or go on; the message names what is missing and the way out."""

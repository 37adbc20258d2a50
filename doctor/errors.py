"""What keeps the doctor from looking."""


class DoctorError(RuntimeError):
    """The doctor cannot look at this; the message names what is missing and the way out."""

"""When a computer is fit to trade on: its clock and its disk, with hysteresis.

Bad news counts at once, and what was refused stays so until it is clearly better, so that a value
that idles around a limit changes nothing. A number that is none counts as bad.
"""

DISK_RELEASE = 1.2  # times the limit must be free before entries go on


def clock_wrong(offset: float, uncertainty: float, *, wrong: bool, good: float, bad: float) -> bool:
    """Tell whether a clock is too wrong to enter by.

    Parameters
    ----------
    offset, uncertainty : float
        Measured error of the clock, and how far the measurement may be off, seconds.
    wrong : bool
        The answer so far.
    good, bad : float
        It becomes wrong when the error surely exceeds `bad`, and right again when the error is
        measured as at most `good`; seconds.

    Examples
    --------
    >>> clock_wrong(-8.0, 1.0, wrong=False, good=1.5, bad=5.0)
    True
    >>> clock_wrong(-8.0, 4.0, wrong=False, good=1.5, bad=5.0)  # it may be 4 s
    False
    """
    if wrong:
        return not abs(offset) <= good
    return not abs(offset) - uncertainty <= bad


def clock_jumped(wall: float, steady: float, *, slack: float, bad: float) -> bool:
    """Tell whether the clock was set, or the computer asleep, while two clocks ran.

    Parameters
    ----------
    wall, steady : float
        Seconds that passed by the time of day, and by the clock that nobody sets.
    slack : float
        Seconds that lay between reading the one and the other.
    bad : float
        Difference beyond which it was.
    """
    return not abs(wall - steady) - slack <= bad


def disk_scarce(free: float, *, scarce: bool, least: float) -> bool:
    """Tell whether so little is `free` that entries stop; both in the same unit, 0 is off.

    Examples
    --------
    >>> disk_scarce(550.0, scarce=False, least=500.0), disk_scarce(550.0, scarce=True, least=500.0)
    (False, True)
    """
    if not least:
        return False
    return not free >= least * (DISK_RELEASE if scarce else 1.0)

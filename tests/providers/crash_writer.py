"""What the crash tests run in another process, and kill."""

import errno
import resource
from pathlib import Path

from providers.storage.history import History
from tests.providers.scripted import DATASET, NOW, PAIR, rows

BATCH = 50


def write_for_ever(folder: str, connection) -> None:
    """Append batch after batch to what is stored; tell the number of rows after each."""
    history = History(Path(folder), DATASET, PAIR)
    start = len(history.read())
    connection.send(start)
    while True:
        hours = range(start, start + BATCH)
        history.add(rows(hours, hours), NOW)
        start += BATCH
        connection.send(start)


def rewrite_for_ever(folder: str, connection) -> None:
    """Append one row at a time as fast as the disk allows."""
    history = History(Path(folder), DATASET, PAIR)
    hour = 0
    while True:
        history.add(rows([hour], [hour]), NOW)
        hour += 1
        if hour == 1:
            connection.send("writing")


def write_into_little_space(folder: str, connection) -> None:
    """Append more than the system lets a file hold; tell the error."""
    history = History(Path(folder), DATASET, PAIR)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    try:
        history.add(rows(range(5000), range(5000)), NOW)
    except OSError as error:
        connection.send(errno.errorcode[error.errno or 0])
    else:
        connection.send("written")

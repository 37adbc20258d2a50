"""What is started under a keeper ends as it would alone, and with whoever started it."""

import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

from replay import keeper
from tests.processes import alive, gone

pytestmark = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="watches processes as only Linux lets it"
)

# Starts a child of its own, says who both are and waits.
FAMILY = """
    import os, subprocess, sys
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    print(os.getpid(), child.pid, flush=True)
    child.wait()
"""
# A program that has a keeper start the first argument, repeats what that says, and waits.
PARENT = """
    import subprocess, sys
    from replay import keeper
    process = keeper.start([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, stderr=None)
    print(process.stdout.readline(), end="", flush=True)
    process.wait()
"""
SERVING = """
    import os, signal, sys
    import psutil
    from replay.client import running
    with running(sys.argv[1]):
        print(*(it.pid for it in psutil.Process().children(recursive=True)), flush=True)
        signal.pause()
"""


def python(source: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(source)]


def started(source: str) -> subprocess.Popen[str]:
    return keeper.start(python(source), stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def pids_said(process: subprocess.Popen[str]) -> list[int]:
    return [int(word) for word in process.stdout.readline().split()]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("pass", 0),
        ("raise SystemExit(2)", 2),
        ("import os; os.abort()", -signal.SIGABRT),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    ],
)
def test_it_ends_as_the_command_does(source, code):
    with started(source) as process:
        process.stderr.read()  # until it has ended: leaving the block closes the lifeline
        assert process.wait() == code


def test_streams_environment_and_folder_are_the_commands_own(tmp_path):
    source = "import os, sys; print(os.getcwd(), os.environ['WORD'], repr(sys.stdin.read()))"
    variables = {**os.environ, "WORD": "said"}
    with keeper.start(
        python(source), stdout=subprocess.PIPE, stderr=None, cwd=tmp_path, env=variables
    ) as process:
        assert process.stdout.read() == f"{tmp_path} said ''\n"


def test_sigterm_is_handed_on():
    source = """
        import signal, sys
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        print("ready", flush=True)
        signal.pause()
    """
    with started(source) as process:
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.wait() == 7


def test_a_command_that_does_not_mind_sigterm_dies_of_it():
    with started(FAMILY) as process:
        command, _ = pids_said(process)
        process.terminate()
        assert process.wait() == -signal.SIGTERM
        assert gone(command)


def test_a_closed_lifeline_ends_the_whole_family():
    with started(FAMILY) as process:
        family = pids_said(process)
        assert all(map(alive, family))
        process.stdin.close()
        assert process.wait() == -signal.SIGKILL
    assert all(map(gone, family))


def test_killing_it_ends_the_whole_family_once_and_for_all():
    with started(FAMILY) as process:
        family = pids_said(process)
        keeper.kill(process)
        assert process.wait() == -signal.SIGKILL
    assert all(map(gone, family))
    keeper.kill(process)  # nothing left to kill, and no error


def test_the_family_ends_with_a_parent_that_is_killed():
    command = [*python(PARENT), textwrap.dedent(FAMILY)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        family = pids_said(parent)
        parent.kill()
    assert all(map(gone, family))


def test_it_outlives_the_thread_that_started_it():
    # Dask runs jobs in threads, and some ways to bind a process to its parent bind it to a thread
    processes = []
    thread = threading.Thread(target=lambda: processes.append(started(FAMILY)))
    thread.start()
    thread.join()
    with processes[0] as process:
        assert all(map(alive, pids_said(process)))
        keeper.kill(process)


def test_a_second_command_does_not_hold_the_lifeline_of_the_first():
    with started(FAMILY) as first, started(FAMILY) as second:
        family = pids_said(first)
        pids_said(second)
        first.stdin.close()
        assert all(map(gone, family))
        keeper.kill(second)


def test_the_exchange_ends_with_a_parent_that_is_killed(datadir):
    command = [*python(SERVING), str(datadir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        family = pids_said(parent)
        assert len(family) == 2  # the keeper and the exchange
        parent.kill()
    assert all(map(gone, family))

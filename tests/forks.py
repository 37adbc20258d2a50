"""Processes that are there in milliseconds: forks of one that has imported what they need.

`multiprocessing` has one fork server per process of pytest, and asks once what it is to import.
"""

import multiprocessing

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.engine.imports", "tests.providers.crash_writer"])

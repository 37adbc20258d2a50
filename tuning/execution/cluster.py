"""Jobs on Dask workers: processes of this machine, or of as many as join one scheduler.

Jobs wait here, not at the scheduler: it is given as many as there are free workers. So searches go
first whatever comes later, a worker that joins gets work at once, and a dying worker takes nothing
along but the jobs it was doing.
"""

import heapq
import logging
import queue
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Self

from distributed import Client, Future, KilledWorker, LocalCluster

from tuning.execution.outfit import Outfit, Supplies, Work, do, perform, versions
from tuning.jobs import Job, Search
from tuning.model import TuningError
from tuning.pool import Advance, Finished

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
# A job whose worker dies this often is at fault itself, most likely it needs too much memory.
MOST_DEATHS = 3
CONNECT_SECONDS = 30.0
PATIENCE_SECONDS = 300.0  # without any worker; a machine that is restarted is back by then
GATHER_SECONDS = 60.0


class DaskPool:
    """Does jobs on Dask workers, see `tuning.pool.Pool`; ends what runs when the block is left.

    Made by `local` or `at`.

    Raises
    ------
    TuningError
        The scheduler is not there or is lost, a worker has other versions than this process, or
        there has been no worker for `patience` seconds.
    """

    def __init__(
        self,
        client: Client,
        supplies: Supplies,
        *,
        work: Work,
        patience: float,
        cluster: LocalCluster | None = None,
    ) -> None:
        self._client, self._cluster, self._patience = client, cluster, patience
        self._name = f"walk-{uuid.uuid4().hex}"
        self._outfit = Outfit(self._name, supplies, versions(), work, deaf=cluster is not None)
        self._waiting: list[tuple[int, int, Job]] = []  # a heap: searches first, then by number
        self._number = count()
        self._active: dict[str, tuple[Job, Future]] = {}
        self._taken: set[str] = set()
        self._events: queue.SimpleQueue[Future | Mapping[str, Any]] = queue.SimpleQueue()
        self._seen_worker = time.monotonic()
        self._refused = "none was refused"

    @classmethod
    def local(
        cls,
        supplies: Supplies,
        *,
        workers: int,
        scratch: Path | None = None,
        dashboard: str | None = None,
        patience: float = PATIENCE_SECONDS,
        work: Work = perform,
    ) -> Self:
        """Start `workers` processes on this machine, reachable from nowhere else.

        Parameters
        ----------
        scratch : Path, optional
            Where they keep what they are working on; by default the folder of temporary files.
        dashboard : str, optional
            Where Dask shows what it does, such as ``127.0.0.1:8787``. It needs the package bokeh,
            and whoever reaches it can look on.
        """
        if workers < 1:
            raise TuningError(f"workers is {workers}, expected at least 1")
        try:
            cluster = LocalCluster(
                n_workers=workers,
                processes=True,
                threads_per_worker=1,
                host=LOOPBACK,
                # Whoever can talk to a scheduler can run code: not even another user here may
                security=True,
                scheduler_kwargs={
                    "allowed_failures": MOST_DEATHS - 1,
                    "dashboard": dashboard is not None,
                    "dashboard_address": dashboard or f"{LOOPBACK}:0",  # it has a page in any case
                },
                memory_limit=0,  # what needs memory is Freqtrade, which Dask does not see
                local_directory=None if scratch is None else str(scratch),
                silence_logs=logging.CRITICAL,  # what matters is told by `wait`
            )
        except RuntimeError as error:  # such as an address that is none of this machine's
            raise TuningError(
                f"no workers can be started on this machine ({error}); check --dashboard"
            ) from error
        return cls(Client(cluster), supplies, work=work, patience=patience, cluster=cluster)

    @classmethod
    def at(
        cls,
        address: str,
        supplies: Supplies,
        *,
        patience: float = PATIENCE_SECONDS,
        work: Work = perform,
    ) -> Self:
        """Join the scheduler at `address`, such as ``tcp://10.0.0.1:8786``.

        With ``tls://`` the certificates are those of Dask's configuration.
        """
        try:
            client = Client(address, timeout=CONNECT_SECONDS)
        except (OSError, ValueError, TypeError) as error:  # the last for want of a certificate
            raise TuningError(
                f"no scheduler at {address} can be joined ({error}); start one with "
                "`dask scheduler`, and give the certificates that tls:// needs in Dask's "
                "configuration"
            ) from error
        return cls(client, supplies, work=work, patience=patience)

    def __enter__(self) -> Self:
        self._client.subscribe_topic(self._name, lambda event: self._events.put(event[1]))
        try:
            self._client.register_plugin(self._outfit, name=self._name)
        except ImportError as error:
            self._leave()
            raise TuningError(
                f"a worker at {self._address} cannot do jobs ({error}); install the same checkout "
                "and its lock file there"
            ) from error
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    @property
    def workers(self) -> int:
        """Return how many jobs run at a time now.

        Raises
        ------
        TuningError
            The scheduler is lost.
        """
        try:
            known = self._client.scheduler_info()["workers"].values()
        except OSError as error:
            raise self._lost() from error
        return int(sum(worker["resources"].get(self._name, 0) for worker in known))

    def submit(self, job: Job) -> None:
        """Take a job; one that was taken already is not done twice. Searches go first."""
        if job.key not in self._taken:
            self._taken.add(job.key)
            order = (0 if isinstance(job, Search) else 1, next(self._number))
            heapq.heappush(self._waiting, (*order, job))

    def wait(self, seconds: float) -> list[Finished | Advance]:
        """Return what has happened, after `seconds` at the latest; nothing is told twice.

        Raises
        ------
        TuningError
            The scheduler is lost, or there has been no fit worker for long.
        """
        self._hand_out()
        found: list[Finished | Advance] = []
        with suppress(queue.Empty):
            event = self._events.get(timeout=seconds)
            while True:
                found += self._understood(event)
                event = self._events.get_nowait()
        return found

    def _hand_out(self) -> None:
        workers, now = self.workers, time.monotonic()
        if workers or not (self._waiting or self._active):
            self._seen_worker = now
        elif now - self._seen_worker > self._patience:
            raise TuningError(
                f"there has been no fit worker at {self._address} for {self._patience:.0f} s "
                f"({self._refused}); start one with `dask worker {self._address} --nthreads 1`, "
                "then the same command goes on: what is finished is kept"
            )
        while self._waiting and len(self._active) < workers:
            job = heapq.heappop(self._waiting)[-1]
            key = f"{type(job).__name__.lower()}-{job.key}-{self._name}"
            needs = {self._name: 1}
            future = self._client.submit(do, job, self._name, key, key=key, resources=needs)
            self._active[job.key] = (job, future)
            future.add_done_callback(self._events.put)

    def _understood(self, event: Future | Mapping[str, Any]) -> list[Finished | Advance]:
        if isinstance(event, Future):
            return self._taken_back(event)
        if "refused" in event:
            self._refused = event["refused"]
            logger.warning("%s", self._refused)
            return []
        # Messages overtake each other: one of a job that is over says nothing new
        return [Advance(event["key"], event["epochs"])] if event["key"] in self._active else []

    def _taken_back(self, future: Future) -> list[Finished | Advance]:
        """Return the end of a job; nothing when its result was lost with its worker."""
        if future.cancelled():
            raise self._lost()
        key = next(key for key, (_, active) in self._active.items() if active is future)
        try:
            done = self._end_of(self._active[key][0], future)
        except TimeoutError:  # it is being done again
            future.add_done_callback(self._events.put)
            return []
        del self._active[key]
        future.release()
        return [done]

    def _end_of(self, job: Job, future: Future) -> Finished:
        error = future.exception(timeout=GATHER_SECONDS)
        if error is None:
            answer = future.result(timeout=GATHER_SECONDS)
            failure = answer.failure
            if failure and self._cluster is None:
                failure = f"on {answer.worker}: {failure}"
            return Finished(job, answer.files, failure, answer.seconds, answer.worker)
        if isinstance(error, KilledWorker):
            failure = (
                f"its worker died {error.allowed_failures + 1} times, the last on "
                f"{error.last_worker.host}; most likely for want of memory: use fewer workers there"
            )
        else:
            failure = f"{type(error).__name__}: {error}"
        return Finished(job, None, failure, 0.0, "")

    @property
    def _address(self) -> str:
        return str(self._client.scheduler.address)

    def _lost(self) -> TuningError:
        return TuningError(
            f"the scheduler at {self._address} is lost; start it and its workers again, then the "
            "same command goes on: what is finished is kept"
        )

    def _leave(self) -> None:
        """End what runs: processes of our own at once, others when they next ask."""
        # There may be no scheduler any more, or a new one that does not know us
        with suppress(OSError, TimeoutError, ValueError):
            if self._cluster is None and self._client.status == "running":
                self._client.cancel([future for _, future in self._active.values()])
                self._client.unregister_worker_plugin(self._name)
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()

"""Every trial of every search that was ever made: a ledger that only grows.

The best of many trials looks good by luck, and how good is known only from how many there were. A
line is written for each epoch before its search is used, and one for each walk-forward before its
tests are looked at; every line vouches for those before it (`experiments.chain`). The hash of the
last line is noted in a file beside the ledger, so that a missing end, or a ledger that was begun
anew, is missed.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.chain import Chain, Content
from experiments.ledger import Ledger, digest_of
from experiments.variants import STRATEGY
from providers.coverage import Period
from providers.storage.store import replace_file
from regimekit.evaluation.sharpe import sharpe_ratio
from tuning.jobs import Search, span_of
from tuning.model import Epoch, Trials, TuningError

TRIAL, WALK = "trial", "walk"

Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TrialLedger:
    """The file at `path`; it need not exist yet, and several programs may write to it."""

    path: Path

    @property
    def chain(self) -> Chain:
        """Return the file as a chain, which can be verified."""
        return Chain(self.path)

    @property
    def note(self) -> Path:
        """Return the file that holds the hash of the ledger's last line."""
        return self.path.with_name(f"{self.path.name}.head")

    def record(self, search: Search, fold: int, epochs: Sequence[Epoch]) -> None:
        """Note each epoch of a finished search; those that are there already are not repeated.

        Raises
        ------
        TuningError
            They cannot be written.
        """
        self._append(_trials(search, fold, epochs))

    def walked(self, walk: str, strategy: str, tests: Iterable[Period], result: str) -> None:
        """Note that somebody is about to see what a walk-forward came to on its test spans.

        Parameters
        ----------
        walk : str
            Its digest.
        result : str
            A hash of what it came to; the same walk with the same result is one look.

        Raises
        ------
        TuningError
            It cannot be written.
        """
        spans = sorted({span_of(test) for test in tests})
        facts = {"walk": walk, "strategy": strategy, "tests": spans, "result": result}
        self._append([{"what": WALK, "key": _key(facts), **facts}])

    def count(
        self,
        strategy: str,
        tests: Iterable[Period],
        *,
        ablation: Path | None = None,
        hyperopt_results: Path | None = None,
        declared: int = 0,
        heads: Iterable[str] = (),
    ) -> Trials:
        """Return how much was tried of `strategy`.

        Two trials are the same when time, parameters and returns are: a search that is repeated
        with other source and comes to the same is not counted twice. A line that cannot be read
        counts as a trial of any strategy.

        Parameters
        ----------
        tests : iterable of Period
            Walk-forwards whose test spans share time with these are counted.
        ablation : Path, optional
            Ledger of ablations, which need not exist. Its backtests are of the pack's own
            strategy, and count for no other.
        hyperopt_results : Path, optional
            Where plain ``freqtrade hyperopt`` keeps its results; it need not exist.
        declared : int
            Trials of which nothing is written anywhere.
        heads : iterable of str
            Hashes of this ledger's last line that were noted elsewhere, in earlier reports.

        Raises
        ------
        TuningError
            There is no ledger, or one of them is damaged or cannot be read: the number is not
            known.
        ValueError
            `declared` is negative.
        """
        if declared < 0:
            raise ValueError(f"declared trials are {declared}, expected 0 or more")
        content = self._trusted(*heads)
        lines = content.entries()
        unreadable = sum("what" not in line for line in lines)
        spans = [span_of(test) for test in tests]
        return Trials(
            epochs=len(_distinct(lines, strategy)) + unreadable,
            backtests=_ablated(ablation) if ablation and strategy == STRATEGY else 0,
            unrecorded=declared + _plain_epochs(hyperopt_results, strategy),
            walks=sum(_looks(line, strategy, spans) for line in lines),
            head=content.head,
        )

    def verify(self) -> str | None:
        """Return what is wrong first, a missing end included; None when nothing is."""
        return self.chain.verify(*self._noted())

    def _trusted(self, *heads: str) -> Content:
        noted = self._noted()  # before the lines, to which somebody may be adding
        content = self.chain.read()
        if not content.lines:
            raise TuningError(
                f"{self.path} is missing or empty, so nobody knows how much was tried; restore it "
                "from a backup"
            )
        _trust(self.path, content.verify(*noted, *heads))
        return content

    def _noted(self) -> tuple[str, ...]:
        try:
            return (self.note.read_text(encoding="utf-8", errors="replace").strip(),)
        except FileNotFoundError:
            return ()

    def _append(self, entries: Iterable[Line]) -> None:
        try:
            self.chain.append(entries, once="key")
            content = self.chain.read()
            if content.verify(*self._noted()) is None:  # else the note goes on to miss its line
                replace_file(self.note, f"{content.head}\n".encode())
        except OSError as error:
            raise TuningError(
                f"{self.path} cannot be written ({error}), and what is not counted is not shown; "
                "make room or give access, then run the same again"
            ) from error


def _trials(search: Search, fold: int, epochs: Iterable[Epoch]) -> Iterator[Line]:
    """Yield a line for each epoch of `search`."""
    common = {
        "what": TRIAL,
        "strategy": search.common.strategy,
        "search": search.key,
        "fold": fold,
        "timerange": search.common.timerange,
        "closed": search.closed,
        "loss": search.loss,
    }
    for epoch in epochs:
        yield {
            **common,
            "key": _key({"search": common["search"], "parameters": epoch.parameters}),
            "epoch": epoch.number,
            "value": epoch.loss if math.isfinite(epoch.loss) else None,
            "trades": epoch.trades,
            "sharpe": sharpe_ratio(epoch.returns),
            "parameters": epoch.parameters,
            "result": digest_of(epoch.returns, decimals=9),
        }


def _distinct(lines: Iterable[Line], strategy: str) -> dict[str, Line]:
    """Return a line for each different trial of `strategy`, oldest first."""
    found: dict[str, Line] = {}
    for line in lines:
        if line.get("what") == TRIAL and line["strategy"] == strategy:
            parts = [line[name] for name in ("timerange", "closed", "parameters", "result")]
            found.setdefault(json.dumps(parts, sort_keys=True), line)
    return found


def _looks(line: Line, strategy: str, spans: Sequence[tuple[str, str]]) -> bool:
    """Return whether a line notes a walk of `strategy` that was tested within `spans`."""
    if line.get("what") != WALK or line["strategy"] != strategy:
        return False
    # All instants are UTC in one format, so text is in order of time
    return any(one[0] < two[1] and two[0] < one[1] for one in line["tests"] for two in spans)


def _ablated(path: Path) -> int:
    ledger = Ledger(path)
    _trust(path, ledger.chain.verify())
    return ledger.tries().distinct


def _plain_epochs(folder: Path | None, strategy: str) -> int:
    """Count the epochs in Freqtrade's own results; a copy of a file is not counted again."""
    if folder is None:
        return 0
    dated = rf"strategy_{re.escape(strategy)}_\d{{4}}-\d\d-\d\d_\d\d-\d\d-\d\d\.fthypt"
    by_content: dict[str, int] = {}
    try:
        for path in folder.glob("*.fthypt"):
            if re.fullmatch(dated, path.name):
                content = path.read_bytes()
                epochs = sum(bool(line.strip()) for line in content.splitlines())
                by_content[hashlib.sha256(content).hexdigest()] = epochs
    except OSError as error:
        raise TuningError(
            f"{error.filename} cannot be read ({error.strerror}), so its trials are not counted; "
            "give access, or move it away and declare its epochs"
        ) from error
    return sum(by_content.values())


def _trust(path: Path, problem: str | None) -> None:
    if problem:
        raise TuningError(
            f"{path} was altered: {problem}; how much was tried is not known until the file is "
            "restored from a backup"
        )


def _key(facts: Mapping[str, Any]) -> str:
    text = json.dumps(facts, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:20]

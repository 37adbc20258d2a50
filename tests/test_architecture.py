"""Imports point one way, and what decides does no I/O.

The rules name our own packages and what a pure module may not touch; other third-party packages
are free.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

OURS = {
    *("regimekit", "providers", "replay", "experiments", "rehearsal", "doctor", "tuning"),
    *("scripts", "hyperopts", "benchmarks", "tests"),
}

# Modules with which Python talks to disk, network, other processes, or the clock.
IO_MODULES = {
    *("aiohttp", "asyncio", "ccxt", "glob", "http", "httpx", "io", "multiprocessing", "os"),
    *("pathlib", "pickle", "requests", "shutil", "socket", "sqlite3", "subprocess", "tempfile"),
    *("threading", "time", "urllib", "websockets"),
}
IO_CALLS = {"open", "input", "print"}
CLOCK_METHODS = {"now", "utcnow", "today"}
FILE_METHODS = {
    *("read_bytes", "read_text", "write_bytes", "write_text", "read_csv", "read_feather"),
    *("read_parquet", "read_json", "to_csv", "to_feather", "to_parquet"),
}


class Layer(NamedTuple):
    """What a part of the tree may import of ours and of Freqtrade, and whether it is pure."""

    may_import: tuple[str, ...]
    freqtrade: bool
    pure: bool = False


LAYERS = {  # the longest matching path counts
    "regimekit": Layer(("regimekit",), freqtrade=False, pure=True),
    "regimekit/schema.py": Layer((), freqtrade=False, pure=True),
    "regimekit/hooks": Layer(
        (
            "regimekit",
            *("providers.contract", "providers.errors"),
            *("providers.storage.store", "providers.storage.vetoes"),
            *("providers.storage.pulse", "providers.storage.journal"),
        ),
        freqtrade=True,
    ),
    # The one hook that has the network asked: it hands the asking to threads of `providers`.
    "regimekit/hooks/feed.py": Layer(("regimekit", "providers"), freqtrade=True),
    # A bot watches its own database, clock and disk; the clock is asked for in a thread there.
    "regimekit/hooks/watch.py": Layer(("regimekit", "providers"), freqtrade=True),
    "regimekit/hooks/watch_checks.py": Layer(("regimekit", "providers"), freqtrade=True),
    # The command line may take its pairs from Freqtrade's layered config, which only it can read.
    "providers/command_line.py": Layer(("providers",), freqtrade=True),
    "providers": Layer(("providers", "regimekit.schema"), freqtrade=False),
    "replay": Layer(("replay", "providers", "regimekit.schema"), freqtrade=False),
    "experiments": Layer(("experiments", "providers", "regimekit", "replay"), freqtrade=False),
    # What the pack is compared with owes it nothing.
    "experiments/strategies": Layer((), freqtrade=True),
    "tuning": Layer(("tuning", "experiments", "providers", "regimekit", "replay"), freqtrade=False),
    "rehearsal": Layer(("rehearsal", "providers", "regimekit", "replay"), freqtrade=False),
    # It looks at a configuration as Freqtrade merges it, and at exchanges as Freqtrade sees them.
    "doctor": Layer(("doctor", "providers", "regimekit"), freqtrade=True),
    "user_data/strategies": Layer(("regimekit",), freqtrade=True),
    "hyperopts": Layer(("regimekit", "hyperopts"), freqtrade=True),
    "scripts": Layer(
        (
            *("scripts", "providers", "regimekit", "replay", "experiments", "rehearsal"),
            *("doctor", "tuning"),
        ),
        freqtrade=True,
    ),
}
# A library module knows nothing of Freqtrade's callbacks; hooks know of the library.
ONLY_HOOKS_IMPORT_HOOKS = ("regimekit/hooks", "user_data/strategies", "hyperopts", "scripts")


def layer_of(path: str) -> Layer:
    """Return the rule for a file, given its path inside the repository."""
    inside = [name for name in LAYERS if path == name or path.startswith(f"{name}/")]
    return LAYERS[max(inside, key=len)]


def imported(tree: ast.AST, path: str) -> Iterator[tuple[int, str]]:
    """Yield line and full name of everything a module imports, at any depth."""
    package = Path(path).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            upward = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*upward, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{base}.{name.name}") for name in node.names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def violations(source: str, path: str) -> list[str]:
    """Return what a module does that its place in the tree does not allow."""
    layer, tree, found = layer_of(path), ast.parse(source), []
    for line, name in imported(tree, path):
        top = name.partition(".")[0]
        upward = top in OURS and not any(within(name, allowed) for allowed in layer.may_import)
        hooks = within(name, "regimekit.hooks") and not path.startswith(ONLY_HOOKS_IMPORT_HOOKS)
        freqtrade = top == "freqtrade" and not layer.freqtrade
        # A PurePath only computes with names.
        outside = layer.pure and top in IO_MODULES and not name.startswith("pathlib.Pure")
        if upward or hooks or freqtrade or outside:
            found.append(f"{path}:{line} imports {name}")
    if layer.pure:
        found += [f"{path}:{line} calls {name}, but decides" for line, name in impure_calls(tree)]
    return found


def impure_calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield calls that read a file, write one, talk to the terminal, or ask the time."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in IO_CALLS:
            yield node.lineno, called.id
        elif isinstance(called, ast.Attribute) and called.attr in CLOCK_METHODS | FILE_METHODS:
            yield node.lineno, called.attr


def modules(repository: Path) -> list[Path]:
    tops = sorted({name.partition("/")[0] for name in LAYERS} - {"user_data"})
    folders = [repository / top for top in tops] + [repository / "user_data" / "strategies"]
    return [path for folder in folders for path in sorted(folder.rglob("*.py"))]


def test_every_module_keeps_to_its_layer(repository):
    paths = modules(repository)
    assert len(paths) > 40
    found = [
        violation
        for path in paths
        for violation in violations(path.read_text(), path.relative_to(repository).as_posix())
    ]
    assert not found, "\n".join(found)


WRONG = {
    "a decision that reads data": (
        "regimekit/regime.py",
        "from providers.storage.store import read_frame",
    ),
    "a decision that knows Freqtrade": ("regimekit/risk/size.py", "import freqtrade.persistence"),
    "a decision that knows a hook": ("regimekit/regime.py", "from regimekit.hooks import base"),
    "a decision that replays": ("regimekit/exits/plan.py", "import replay"),
    "a decision with a path": ("regimekit/settings/risk.py", "from pathlib import Path"),
    "a decision that opens": ("regimekit/settings/risk.py", "text = open('x').read()"),
    "a decision that prints": ("regimekit/decisions.py", "print(1)"),
    "a decision that asks the time": ("regimekit/pipeline.py", "moment = datetime.now(tz=UTC)"),
    "a decision that reads a frame": ("regimekit/inputs.py", "frame = pd.read_feather(name)"),
    "an import inside a function": ("regimekit/regime.py", "def f():\n    import requests"),
    "a relative import": ("regimekit/risk/size.py", "from ..hooks import base"),
    "a vocabulary that needs more": ("regimekit/schema.py", "from regimekit import settings"),
    "a hook that downloads": ("regimekit/hooks/inputs.py", "import providers.coverage"),
    "a provider that knows Freqtrade": ("providers/live/feed.py", "import freqtrade.configuration"),
    "a provider that decides": ("providers/storage/store.py", "from regimekit.regime import latch"),
    "a provider that replays": ("providers/storage/store.py", "from replay.clock import Clock"),
    "a replay that decides": ("replay/app.py", "import regimekit.decisions"),
    "an experiment that drives Freqtrade": ("experiments/runs.py", "import freqtrade.optimize"),
    "a decision that experiments": ("regimekit/decisions.py", "import experiments.variants"),
    "a baseline that borrows": ("experiments/strategies/X.py", "from regimekit import regime"),
    "a strategy that reads data": ("user_data/strategies/X.py", "import providers.storage.store"),
    "a package imported whole": ("providers/storage/store.py", "import regimekit"),
}


@pytest.mark.parametrize(("path", "source"), WRONG.values(), ids=WRONG)
def test_the_check_catches(path, source):
    assert len(violations(source, path)) == 1


RIGHT = {
    "regimekit/regime.py": "import numpy\nfrom regimekit.schema import Regime",
    "regimekit/reports/run.py": "from pathlib import PurePath",
    "regimekit/risk/size.py": "from ..schema import Regime",
    "regimekit/hooks/base.py": "from freqtrade.strategy import IStrategy\nfrom pathlib import Path",
    "regimekit/hooks/inputs.py": "from providers.storage.store import read_frame",
    "regimekit/hooks/feed.py": "from providers.live.feed import Feed",
    "providers/command_line.py": "from freqtrade.configuration import load_config",
    "providers/storage/store.py": "import os\nfrom regimekit.schema import Side",
    "replay/app.py": "import fastapi\nfrom providers.storage.store import read_frame",
    "user_data/strategies/X.py": "from regimekit.hooks.base import PackStrategy",
    "scripts/demo.py": "import replay\nimport providers.coverage\nimport regimekit.hooks.base",
}


@pytest.mark.parametrize(("path", "source"), RIGHT.items(), ids=RIGHT)
def test_the_check_allows(path, source):
    assert violations(source, path) == []

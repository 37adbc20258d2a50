"""Read a strategy and what it imports of its own for the sins that backtests forgive.

A file is read, never run. What calls what is followed by name from Freqtrade's callbacks, so a
helper counts as reachable when any callback may call something of its name.
"""

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

# What it is called, why it is one, and what to do instead.
SINS: dict[str, tuple[str, str]] = {
    "network": (
        "a callback waits for a network, and no exit is looked at meanwhile",
        "fetch in the background and let the callback read what is there",
    ),
    "sleep": (
        "a callback sleeps, and no exit is looked at meanwhile",
        "remember when to act and return",
    ),
    "shift": (
        "it looks into the future: shift by a negative number",
        "shift by a positive number; training targets belong into set_freqai_targets",
    ),
    "last_row": (
        "in a backtest the last row is the end of the data, which every bar then knows",
        "compute a column, and let callbacks look a row up by time",
    ),
    "whole_column": (
        "a statistic of the whole column knows the future of each bar",
        "put .rolling(window) or .expanding() before it",
    ),
    "neutral": (
        "what is missing becomes a number that decides",
        "leave it NaN and let no signal follow from NaN",
    ),
    "backfill": (
        "it fills the past with the future",
        "use .ffill() with a limit, or a join on when a value was known",
    ),
    "state": (
        "state outlives a backtest or a hyperopt epoch, and is shared by all of them",
        "make it in __init__ or bot_start, or read it from Freqtrade's trades",
    ),
}
POPULATE = re.compile(r"populate_\w+|feature_engineering_\w+")
TARGETS = "set_freqai_targets"  # the one place that is meant to look ahead
CALLBACKS = {
    *("bot_loop_start", "informative_pairs", "confirm_trade_entry", "confirm_trade_exit"),
    *("custom_stake_amount", "leverage", "custom_stoploss", "custom_exit", "custom_roi"),
    *("custom_entry_price", "custom_exit_price", "adjust_trade_position", "adjust_entry_price"),
    *("adjust_exit_price", "adjust_order_price", "check_entry_timeout", "check_exit_timeout"),
    *("order_filled", "plot_annotations"),
}
NETWORK = {
    *("requests", "httpx", "aiohttp", "urllib", "urllib3", "http", "socket", "websocket"),
    *("websockets", "ccxt", "ftplib", "smtplib"),
}
# Of those packages, what only takes addresses apart.
HARMLESS = {"urllib.parse", "http.HTTPStatus"}
REDUCTIONS = {
    *("mean", "max", "min", "std", "var", "median", "quantile", "rank", "sum", "sem", "skew"),
    *("idxmax", "idxmin", "mode", "describe", "kurt"),
}
NUMPY_REDUCTIONS = {
    *("mean", "max", "min", "std", "var", "median", "quantile", "percentile", "sum"),
    *("nanmean", "nanmax", "nanmin", "nanstd", "nanmedian", "nanpercentile", "nanquantile"),
    *("average", "amax", "amin"),
}
WINDOWED = {"rolling", "expanding", "ewm", "groupby", "resample"}
COLUMNS = {"open", "high", "low", "close", "volume"}
FRAMES = {"df", "dataframe", "frame"}
MUTATORS = {
    *("append", "extend", "insert", "add", "update", "pop", "popitem", "remove", "discard"),
    *("clear", "setdefault", "appendleft"),
}
_ALLOW = re.compile(r"#\s*doctor:\s*allow\s+(?:code\.)?(\w+)(?:\s+because\s+(\S.*))?")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Sin:
    """One of `SINS` at one place.

    Attributes
    ----------
    code : str
        The line.
    reason : str
        Why it is allowed, as the comment beside it says; empty where it is not.
    """

    name: str
    file: str
    line: int
    code: str
    reason: str = ""


@dataclass
class Module:
    """A file that was read, with its functions and the names of what it imports."""

    path: Path
    shown: str
    lines: list[str]
    tree: ast.Module
    functions: list[Function] = field(default_factory=list)
    imported: dict[str, str] = field(default_factory=dict)

    def sin(self, name: str, node: ast.AST) -> Sin:
        """Return what `node` does, allowed or not."""
        line = getattr(node, "lineno", 1)
        return Sin(name, self.shown, line, self.lines[line - 1].strip(), self._reason(name, node))

    def _reason(self, name: str, node: ast.AST) -> str:
        first, last = getattr(node, "lineno", 1), getattr(node, "end_lineno", 1) or 1
        for line in self.lines[max(0, first - 2) : last]:
            allowed = _ALLOW.search(line)
            if allowed and allowed[1] == name and allowed[2]:
                return str(allowed[2]).strip()
        return ""


def confess(strategy: Path, root: Path) -> tuple[list[Sin], list[str]]:
    """Return the sins of a strategy and all it imports of its own, and the files that were read.

    Parameters
    ----------
    strategy : Path
        Its file. Modules beside it and packages of `root` are its own.
    """
    stamp = strategy.stat().st_mtime_ns
    sins, read = _confess(strategy.resolve(), root.resolve(), stamp)
    return list(sins), list(read)


@lru_cache(maxsize=4)
def _confess(strategy: Path, root: Path, stamp: int) -> tuple[tuple[Sin, ...], tuple[str, ...]]:  # noqa: ARG001 - the stamp makes an edited file a new question
    modules = list(_read(strategy, root))
    populate = _reachable(modules, lambda name: POPULATE.fullmatch(name) is not None)
    callbacks = _reachable(
        modules, lambda name: name in CALLBACKS or POPULATE.fullmatch(name) is not None
    )
    found: list[Sin] = []
    for module in modules:
        targets = {
            id(node)
            for function in module.functions
            if function.name == TARGETS
            for node in ast.walk(function)
        }
        for node in ast.walk(module.tree):
            if id(node) not in targets:
                found += _anywhere(module, node)
        for function in module.functions:
            if id(function) in callbacks:
                found += _in_callback(module, function)
            if id(function) in populate and function.name != TARGETS:
                found += _in_populate(module, function)
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                found += _shared_state(module, node)
    unique = sorted(set(found), key=lambda sin: (sin.file, sin.line, sin.name))
    return tuple(unique), tuple(module.shown for module in modules)


def _read(strategy: Path, root: Path) -> Iterator[Module]:
    """Yield the strategy and, one after the other, what it imports of its own."""
    waiting, known = [strategy], {strategy}
    while waiting:
        path = waiting.pop(0)
        text = path.read_text(errors="replace")
        shown = str(path.relative_to(root)) if path.is_relative_to(root) else path.name
        module = Module(path, shown, text.splitlines() or [""], ast.parse(text))
        for node in ast.walk(module.tree):
            if isinstance(node, Function):
                module.functions.append(node)
            for name, full in _names(node):
                module.imported[name] = full
                for found in _files_of(full, strategy.parent, root, path):
                    if found not in known:
                        known.add(found)
                        waiting.append(found)
        yield module


def _names(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the name that an import binds, and all of what it stands for."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0], alias.name
    elif isinstance(node, ast.ImportFrom):
        base = "." * node.level + (node.module or "")
        for alias in node.names:
            joined = f"{base}{alias.name}" if base.endswith(".") else f"{base}.{alias.name}"
            yield alias.asname or alias.name, joined


def _files_of(full: str, beside: Path, root: Path, importer: Path) -> Iterator[Path]:
    """Yield the file of an imported module, if it is the strategy's own."""
    dots = len(full) - len(full.lstrip("."))
    bases = [beside, root]
    if dots:
        base = importer.parent
        for _ in range(dots - 1):
            base = base.parent
        bases = [base]
    parts = full.lstrip(".").split(".")
    # Feeds and stores of the pack work in threads of their own; tests hold them to that.
    if not dots and parts[0] in {"providers", "freqtrade", "pandas", "numpy"}:
        return
    for base in bases:
        for length in (len(parts), len(parts) - 1):
            if length < 1:
                continue
            place = base.joinpath(*parts[:length])
            for path in (place.with_suffix(".py"), place / "__init__.py"):
                if path.is_file():
                    yield path.resolve()


def _reachable(modules: Sequence[Module], starts: Callable[[str], bool]) -> set[int]:
    """Return the functions that those whose name `starts` may call, and these themselves."""
    by_name: dict[str, list[Function]] = {}
    for module in modules:
        for function in module.functions:
            by_name.setdefault(function.name, []).append(function)
    waiting = [f for name, group in by_name.items() if starts(name) for f in group]
    reached = {id(function) for function in waiting}
    while waiting:
        for node in ast.walk(waiting.pop()):
            called = _called(node)
            for function in by_name.get(called, ()):
                if id(function) not in reached:
                    reached.add(id(function))
                    waiting.append(function)
    return reached


def _called(node: ast.AST) -> str:
    """Return the last part of the name of what is called or read from self, empty otherwise."""
    if isinstance(node, ast.Call):
        node = node.func
        if isinstance(node, ast.Name):
            return node.id
        # `frame.get(...)` is no function of ours; `self.get(...)` and `module.get(...)` may be.
        if isinstance(node, ast.Attribute):
            return node.attr if isinstance(node.value, ast.Name | ast.Call) else ""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.attr if node.value.id == "self" else ""  # a property, or a method handed on
    return ""


def _anywhere(module: Module, node: ast.AST) -> Iterator[Sin]:
    """Yield what is a sin wherever it stands."""
    if isinstance(node, ast.Global):
        yield module.sin("state", node)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        words = {word.arg or "": word.value for word in node.keywords}
        for name, is_one in _CALLS.items():
            if is_one(node.func.attr, list(node.args), words):
                yield module.sin(name, node)


def _shifts(name: str, given: list[ast.expr], words: dict[str, ast.expr]) -> bool:
    """Tell whether a call moves later rows to earlier ones."""
    first, second = (*given, None, None)[:2]
    if name == "roll":
        return _negative(words.get("shift", second))
    return name in {"shift", "diff", "pct_change"} and _negative(words.get("periods", first))


def _backfills(name: str, given: list[ast.expr], words: dict[str, ast.expr]) -> bool:  # noqa: ARG001 - as its neighbors
    """Tell whether a call gives rows the values of later ones."""
    fills = name in {"bfill", "backfill", "interpolate"}
    by_method = _constant(words.get("method")) in {"bfill", "backfill"}
    centered = name == "rolling" and _constant(words.get("center")) is True
    later = _constant(words.get("direction")) in {"forward", "nearest"}
    return fills or by_method or centered or (name == "merge_asof" and later)


def _neutralizes(name: str, given: list[ast.expr], words: dict[str, ast.expr]) -> bool:
    """Tell whether a call puts a number where nothing is known."""
    first, second = (*given, None, None)[:2]
    if name == "fillna":
        return _is_number(words.get("value", first))
    return name == "nan_to_num" or (name == "replace" and _is_nan(first) and _is_number(second))


_CALLS = {"shift": _shifts, "backfill": _backfills, "neutral": _neutralizes}


def _in_callback(module: Module, function: Function) -> Iterator[Sin]:
    """Yield what makes the loop wait."""
    local = dict(module.imported)
    for node in ast.walk(function):
        local.update(_names(node))
    for node in ast.walk(function):
        if not isinstance(node, ast.Call):
            continue
        full = _full_name(node.func, local)
        top = full.partition(".")[0]
        if full in {"time.sleep", "asyncio.sleep"}:
            yield module.sin("sleep", node)
        elif full == "pandas.read_html" or (
            top in NETWORK and not any(full.startswith(name) for name in HARMLESS)
        ):
            yield module.sin("network", node)


def _in_populate(module: Module, function: Function) -> Iterator[Sin]:
    """Yield what lets a bar know later ones."""
    columns = _column_names(function)
    for node in ast.walk(function):
        if _reads_last_row(node):
            yield module.sin("last_row", node)
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner, name = node.func.value, node.func.attr
        across = any(word.arg == "axis" and _across(word.value) for word in node.keywords)
        numpy = isinstance(owner, ast.Name) and module.imported.get(owner.id) == "numpy"
        own = name in REDUCTIONS and not numpy and _is_column(owner, columns)
        numpys = numpy and name in NUMPY_REDUCTIONS and node.args
        if not across and (own or (numpys and _is_column(node.args[0], columns))):
            yield module.sin("whole_column", node)
        if name == "tail" and node.args and _constant(node.args[0]) == 1:
            yield module.sin("last_row", node)


def _shared_state(module: Module, node: ast.ClassDef) -> Iterator[Sin]:
    """Yield changes to what all objects of a class share."""
    shared: set[str] = set()
    for item in node.body:
        target = item.targets[0] if isinstance(item, ast.Assign) else getattr(item, "target", None)
        value = getattr(item, "value", None)
        made = isinstance(value, ast.Call) and _called(value) in {
            *("dict", "list", "set", "deque", "defaultdict", "Counter")
        }
        if isinstance(target, ast.Name) and (
            made or isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp)
        ):
            shared.add(target.id)
    for inner in ast.walk(node):  # one that each object gets anew is its own
        if isinstance(inner, ast.FunctionDef) and inner.name in {"__init__", "bot_start"}:
            shared -= {name for stored in ast.walk(inner) if (name := _stored_on_self(stored))}
    for inner in ast.walk(node):
        changed = ""
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
            changed = _on_self(inner.func.value) if inner.func.attr in MUTATORS else ""
        elif isinstance(inner, ast.Subscript) and isinstance(inner.ctx, ast.Store | ast.Del):
            changed = _on_self(inner.value)
        if changed in shared:
            yield module.sin("state", inner)


def _column_names(function: Function) -> set[str]:
    """Return the local names that hold a column; those assigned twice count if either does."""
    names: set[str] = set()
    for _ in range(2):  # a name may hold what another one holds
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and _is_column(node.value, names):
                names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def _is_column(node: ast.AST, names: set[str]) -> bool:
    """Tell whether an expression is a whole column of a frame, not one of windows."""
    match node:
        case ast.Name():
            found = node.id in names
        case ast.Subscript():
            found = isinstance(_constant(node.slice), str) and _is_frame(node.value)
        case ast.Attribute(attr="values" | "array"):
            found = _is_column(node.value, names)
        case ast.Attribute():
            found = node.attr in COLUMNS and _is_frame(node.value)
        case ast.Call(func=ast.Attribute(value=owner, attr=name)):
            found = name not in WINDOWED | REDUCTIONS and _is_column(owner, names)
        case ast.BinOp():
            found = _is_column(node.left, names) or _is_column(node.right, names)
        case ast.UnaryOp():
            found = _is_column(node.operand, names)
        case ast.Compare():
            found = any(_is_column(part, names) for part in (node.left, *node.comparators))
        case _:
            found = False
    return found


def _is_frame(node: ast.AST) -> bool:
    name = node.id if isinstance(node, ast.Name) else ""
    return name in FRAMES or name.endswith(("_df", "_frame", "_dataframe"))


def _reads_last_row(node: ast.AST) -> bool:
    """Tell whether a row is counted from the end: ``.iloc[-1]``, ``.values[-1]`` and their like."""
    if not isinstance(node, ast.Subscript) or isinstance(node.ctx, ast.Store):
        return False
    index = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
    owner = node.value
    if isinstance(owner, ast.Call):
        owner = owner.func
    rows = isinstance(owner, ast.Attribute) and owner.attr in {"iloc", "iat", "values", "to_numpy"}
    return rows and not isinstance(index, ast.Slice) and _negative(index)


def _full_name(node: ast.AST, imported: dict[str, str]) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Call):  # httpx.Client().get()
        return _full_name(node.func, imported)
    if not isinstance(node, ast.Name) or node.id not in imported:
        return ""
    return ".".join([imported[node.id], *reversed(parts)])


def _stored_on_self(node: ast.AST) -> str:
    stored = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    return _on_self(node) if stored else ""


def _on_self(node: ast.AST) -> str:
    owned = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    return node.attr if owned and node.value.id in {"self", "cls"} else ""  # type: ignore[attr-defined]


def _constant(node: ast.AST | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _negative(node: ast.AST | None) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _constant(node.operand)
        # `-lookahead` is negative for every sensible lookahead.
        return isinstance(node.operand, ast.Name | ast.Attribute) or (
            isinstance(value, int | float) and value > 0
        )
    return False


def _across(node: ast.AST) -> bool:
    return _constant(node) in {1, "columns"}


def _is_number(node: ast.AST | None) -> bool:
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    value = _constant(node)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_nan(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in {"nan", "NaN", "NA"}

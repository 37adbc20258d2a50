"""What a running bot or recorder can say in its log, read from its source."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Code that runs in a bot or a recorder; what commands say, they say on a terminal.
LIVE = ("regimekit/hooks", "providers/live", "providers/storage")
LEVELS = {"warning", "error", "exception", "critical"}
PLACEHOLDER = re.compile(r"%[-+# 0]*[\d*.]*[a-zA-Z]|\{[^{}]*\}")
LEAST = 12  # letters that tell a message from others


@dataclass(frozen=True)
class Alarm:
    """A message of level WARNING or above.

    Attributes
    ----------
    where : str
        File and line.
    text : str
        As it stands in the source, with placeholders; empty where it is put together elsewhere.
    """

    where: str
    text: str

    @property
    def fragment(self) -> str:
        """Return the longest part that stands in every such line."""
        return max((part.strip(" :;,.()") for part in PLACEHOLDER.split(self.text)), key=len)


def alarms() -> list[Alarm]:
    """Return all alarms of the live code."""
    paths = [path for folder in LIVE for path in sorted((ROOT / folder).rglob("*.py"))]
    return [alarm for path in paths for alarm in _of(path)]


def _of(path: Path) -> Iterator[Alarm]:
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        logger = node.func.value
        named = isinstance(logger, ast.Name) and logger.id in {"logger", "_LOG"}
        if named and node.func.attr in LEVELS:
            text = node.args[0].value if isinstance(node.args[0], ast.Constant) else ""
            yield Alarm(f"{path.relative_to(ROOT)}:{node.lineno}", text)

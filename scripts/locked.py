"""Print what requirements.lock says about some packages: their versions and hashes.

The container takes what its image lacks from the lock file, and nothing else. pip refuses a package
without a hash, and it does not take hashes from a constraints file, so the lines themselves are
needed. Only the standard library is used: the image runs this before anything is installed.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"

_ENTRY = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==")


class UnlockedError(ValueError):
    """The lock file does not hold a package that was asked for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the entries of the packages in `arguments`; return the exit code."""
    parser = argparse.ArgumentParser(prog="locked", description=__doc__)
    parser.add_argument("packages", nargs="+", metavar="PACKAGE", help="names, as pip takes them")
    parser.add_argument(
        "--lock", type=Path, default=LOCK, metavar="FILE", help="default: requirements.lock"
    )
    options = parser.parse_args(arguments)
    try:
        print("\n".join(locked(options.lock.read_text(), options.packages)))
    except FileNotFoundError:
        print(f"locked: {options.lock} does not exist; name it with --lock", file=sys.stderr)
        return 2
    except (UnlockedError, OSError) as error:
        print(f"locked: {error}", file=sys.stderr)
        return 2
    return 0


def locked(text: str, packages: Sequence[str]) -> list[str]:
    """Return the entries of `packages`, in the order of the lock file.

    Parameters
    ----------
    text : str
        A lock file as ``uv pip compile --generate-hashes`` writes it.
    packages : sequence of str
        Names, in any spelling that pip takes.

    Raises
    ------
    UnlockedError
        A package is not in the lock file, or without a hash.
    """
    wanted = {_normal(package): package for package in packages}
    found: list[str] = []
    for entry in re.split(r"\n(?=[A-Za-z0-9])", text):
        match = _ENTRY.match(entry)
        if match is None or _normal(match["name"]) not in wanted:
            continue
        lines = [line for line in entry.splitlines() if not line.lstrip().startswith("#")]
        if not any("--hash=" in line for line in lines):
            raise UnlockedError(f"{match['name']} has no hash; run `make lock`")
        found.append("\n".join(lines))
    there = {_normal(_ENTRY.match(entry)["name"]) for entry in found}  # type: ignore[index]
    if missing := [name for normal, name in wanted.items() if normal not in there]:
        raise UnlockedError(
            f"{', '.join(missing)}: not in the lock file; add it to pyproject.toml, run `make lock`"
        )
    return found


def _normal(name: str) -> str:
    """Return a name as pip compares it: ``ruamel.yaml`` -> ruamel-yaml."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())

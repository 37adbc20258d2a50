"""Make what the containers need before their first start: folders, and .env with fresh secrets.

``.env`` is ``.env.example`` with a random secret in place of each ``change-me``, readable by you
alone (mode 0600). A file that is there is never touched: delete it yourself to get another one.
Every secret begins with a letter, because Freqtrade takes a text of digits for a number. Run as
root, the folders are given to the user of the containers (1000); else they are yours.
"""

import argparse
import os
import re
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE, ENV = ".env.example", ".env"
PLACEHOLDER = "change-me"
OWNER = 1000  # of the processes in the containers
STORE = "data/binance/regimekit"  # of what the recorder writes, below a user folder
FOLDERS = (f"user_data/{STORE}", f"user_data/bots/bot/{STORE}", f"user_data/bots/second/{STORE}")
# Random bytes behind a secret, by the end of its name; base64 makes four letters of three bytes.
BYTES = {"_PASSWORD": 24, "_JWT_SECRET": 48, "_WS_TOKEN": 32}

_LINE = re.compile(rf"^(?P<name>[A-Z][A-Z0-9_]*)={PLACEHOLDER}$", re.MULTILINE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the folders and ``.env``; return 0, or 1 where ``.env`` is there already."""
    parser = argparse.ArgumentParser(
        prog="new_env", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--root", type=Path, default=ROOT, metavar="DIR", help="the checkout (default: this one)"
    )
    root: Path = parser.parse_args(arguments).root
    try:
        content = filled((root / EXAMPLE).read_text())
        for folder in FOLDERS:
            make_folder(root, folder)
        write_new(root / ENV, content)
    except FileExistsError:
        print(f"new_env: {root / ENV} is there already and stays as it is", file=sys.stderr)
        return 1
    except FileNotFoundError as error:
        print(
            f"new_env: {error.filename} does not exist; name the checkout with --root",
            file=sys.stderr,
        )
        return 2
    except (OSError, ValueError) as error:
        print(f"new_env: {error}", file=sys.stderr)
        return 2
    print(f"Wrote {root / ENV}; the password of FreqUI is BOT_API_PASSWORD in it")
    if os.geteuid() not in {0, OWNER}:
        print(
            f"The containers write as user {OWNER}, these folders are yours: "
            f"sudo chown -R {OWNER}:{OWNER} {' '.join(FOLDERS)}"
        )
    return 0


def filled(example: str) -> str:
    """Return the example with a secret of its own in place of each placeholder.

    Raises
    ------
    ValueError
        A placeholder stands where no length is known, or there is none at all.
    """
    if not _LINE.search(example):
        raise ValueError(f"{EXAMPLE} has no {PLACEHOLDER} to fill in")

    def secret(match: re.Match[str]) -> str:
        return f"{match['name']}={fresh(match['name'])}"

    content = _LINE.sub(secret, example)
    left = [line for line in content.splitlines() if line.endswith(f"={PLACEHOLDER}")]
    if left:
        raise ValueError(f"{EXAMPLE}: {left[0]!r} is no line of NAME={PLACEHOLDER}")
    return content


def fresh(name: str) -> str:
    """Return a secret for a variable: a letter, then random ones as long as its kind needs."""
    for ending, count in BYTES.items():
        if name.endswith(ending):
            return "s" + secrets.token_urlsafe(count)
    known = ", ".join(f"...{ending}" for ending in BYTES)
    raise ValueError(f"{EXAMPLE}: {name} is none of {known}, so how long is it to be?")


def make_folder(root: Path, folder: str) -> None:
    """Make a folder of the containers; what root makes below `root` goes to their user."""
    made: list[Path] = []
    path = root
    for part in folder.split("/"):
        path = path / part
        if not path.is_dir():
            path.mkdir()
            made.append(path)
    if os.geteuid() == 0:
        for path in made:
            os.chown(path, OWNER, OWNER)


def write_new(path: Path, content: str) -> None:
    """Write a file that only its owner can read, and that was not there.

    Raises
    ------
    FileExistsError
        It was.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


if __name__ == "__main__":
    sys.exit(main())

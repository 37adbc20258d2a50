"""Write config/profiles/conservative.json from the declared settings."""

import argparse
import sys
from pathlib import Path

from providers.storage.store import replace_file
from regimekit.settings.overlay import conservative_overlay

DEFAULT = Path(__file__).resolve().parents[1] / "config" / "profiles" / "conservative.json"


def main() -> int:
    """Write the file; return 0."""
    parser = argparse.ArgumentParser(prog="profiles", description=__doc__)
    parser.add_argument("--output", type=Path, default=DEFAULT, metavar="FILE")
    replace_file(parser.parse_args().output, conservative_overlay().encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())

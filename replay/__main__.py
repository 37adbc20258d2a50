"""Command line of the replay: ``python -m replay serve``, ``simulate`` and ``telegram``."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from providers.errors import ProviderError
from replay.errors import StartUpError

# Each module offers add_arguments(parser) and run(arguments) -> exit code.
COMMANDS = {
    "serve": ("replay.server", "serve candle files as Binance USDT-M would"),
    "simulate": ("replay.simulator.cli", "write the candle files of a simulated market"),
    "telegram": ("replay.telegram.server", "be Telegram's Bot API for a bot on this computer"),
}


class _OneLineParser(argparse.ArgumentParser):
    """A parser whose complaints fit on one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in `argv`; return the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    parser = _OneLineParser(prog="python -m replay", description=__doc__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (module, summary) in COMMANDS.items():
        subparser = commands.add_parser(name, help=summary, description=summary)
        if argv[:1] == [name]:  # the simulator should not have to load for the server to start
            command = import_module(module)
            command.add_arguments(subparser)
            subparser.set_defaults(run=command.run)
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except (ProviderError, StartUpError) as error:
        print(f"{parser.prog} {argv[0]}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

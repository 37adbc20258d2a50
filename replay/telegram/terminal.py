"""A chat in the terminal: lines that are typed go to the bot, its messages are shown."""

import asyncio
import re
import sys
from collections.abc import Callable

from replay.telegram.api import BotApi, Sent

LOOK_SECONDS = 0.1


class Terminal:
    """The keyboard and the screen of one chat."""

    def __init__(self, api: BotApi, chat: int, end: Callable[[], None]) -> None:
        self._api = api
        self._chat = chat
        self._end = end
        self._shown: dict[int, int] = {}

    async def run(self) -> None:
        """Watch the keyboard and the bot until the process ends."""
        asyncio.get_running_loop().add_reader(sys.stdin, self._typed)
        while True:
            for message in self._api.sent[-20:]:
                if self._shown.get(message.message_id) != message.edits:
                    self._shown[message.message_id] = message.edits
                    sys.stdout.write(pictured(message))
            sys.stdout.flush()
            await asyncio.sleep(LOOK_SECONDS)

    def _typed(self) -> None:
        line = sys.stdin.readline()
        if not line:
            self._end()
        elif pressed := re.fullmatch(r"/press (\d+)\s*", line):
            last = next((m for m in reversed(self._api.sent) if m.buttons), None)
            number = int(pressed[1])
            if last is None or not 1 <= number <= len(last.buttons):
                sys.stdout.write(f"no button {number}\n")
            else:
                self._api.press(last.message_id, last.buttons[number - 1][1])
        elif line.strip():
            self._api.says(line.strip(), chat=self._chat)


def pictured(message: Sent) -> str:
    """Return a message as the terminal shows it."""
    head = "bot" + (" (edited)" if message.edits else "") + (" (silent)" if message.silent else "")
    buttons = [f"[{number} {label}]" for number, (label, _) in enumerate(message.buttons, 1)]
    lines = [*message.text.splitlines(), *([" ".join(buttons)] if buttons else [])]
    return "".join([f"{head}:\n", *(f"  {line}\n" for line in lines)])

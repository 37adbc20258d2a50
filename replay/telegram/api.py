"""What the Bot API answers: chats, updates that wait, messages that were sent. No network here."""

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from replay.telegram.markup import MarkupError, shown

BOT_NAME = "regimerouter_replay_bot"
CHAT = 7000001  # of the trader, private
MOST_UPDATES = 100  # of one getUpdates answer at most, as Telegram's own
MOST_KEPT = 10_000  # messages; a soak of weeks must not fill the memory


class BotApiError(Exception):
    """An answer that is an error, in Telegram's words."""

    def __init__(self, status: int, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.content = {"ok": False, "error_code": status, "description": description}


def bad_request(description: str) -> BotApiError:
    """Return the error for a call that cannot be carried out."""
    return BotApiError(400, f"Bad Request: {description}")


@dataclass(slots=True)
class Sent:
    """A message as it stands in a chat.

    Attributes
    ----------
    text : str
        As it is shown.
    buttons : list
        Under the message, each ``[label, data]``.
    keyboard : list
        Rows of commands below the chat.
    silent : bool
        Whether it came without a sound.
    edits : int
        How often it was changed.
    """

    message_id: int
    chat: int
    text: str
    buttons: list[list[str]]
    keyboard: list[list[str]]
    silent: bool
    topic: int | None = None
    edits: int = 0


@dataclass
class BotApi:
    """One bot's side of Telegram.

    Parameters
    ----------
    token : str
        The only one it knows; any other is refused and forgotten.
    chat : int
        The one that somebody has opened already; in others the bot may write once it is written to.

    Attributes
    ----------
    sent : list of Sent
        What the bot said, oldest first.
    refused : list of dict
        Calls that got an error: ``method``, ``description``, ``text``.
    calls : Counter
        Calls by method.
    """

    token: str
    chat: int = CHAT
    sent: list[Sent] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)
    calls: "Counter[str]" = field(default_factory=Counter)
    answered: list[str] = field(default_factory=list)
    _updates: list[dict[str, Any]] = field(default_factory=list)
    _chats: set[int] = field(default_factory=set)
    _update_id: int = 10_000
    _message_id: int = 0

    def says(
        self, text: str, *, chat: int = CHAT, user: int | None = None, topic: int | None = None
    ) -> int:
        """Let a person write `text`; return the update's number.

        A group has a negative `chat`; by default the person is the one of the private chat.
        """
        self._chats.add(chat)
        self._message_id += 1
        message: dict[str, Any] = {
            "message_id": self._message_id,
            "date": int(time.time()),
            "chat": _chat(chat),
            "from": _person(abs(chat) if user is None else user),
            "text": text,
        }
        if topic is not None:
            message |= {"message_thread_id": topic, "is_topic_message": True}
        if text.startswith("/"):
            length = len(text.split(maxsplit=1)[0])
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
        return self._update({"message": message})

    def press(self, message_id: int, data: str, *, user: int | None = None) -> int:
        """Let a person press a button under one of the bot's messages; return the update's number.

        Nothing keeps the data to those of the buttons: Telegram warns that a client may send any.
        """
        message = self._find(message_id)
        return self._update(
            {
                "callback_query": {
                    "id": f"{self._update_id + 1}",
                    "chat_instance": "1",
                    "from": _person(abs(message.chat) if user is None else user),
                    "data": data,
                    "message": self._told(message),
                }
            }
        )

    def pending(self, offset: int, limit: int = MOST_UPDATES) -> list[dict[str, Any]]:
        """Forget the updates below `offset`, which the bot has seen, and return the next."""
        self._updates = [update for update in self._updates if update["update_id"] >= offset]
        return self._updates[: max(1, min(limit, MOST_UPDATES))]

    def answer(self, method: str, form: Mapping[str, str]) -> Any:
        """Carry out a call; return its ``result``. `pending` answers ``getUpdates``.

        Raises
        ------
        BotApiError
            Telegram would refuse it, or the method is not known here.
        """
        methods = {
            "getme": self._get_me,
            "deletewebhook": self._delete_webhook,
            "setmycommands": lambda _: True,
            "sendmessage": self._send,
            "editmessagetext": self._edit,
            "answercallbackquery": self._answer_callback,
        }
        carry_out = methods.get(method.lower())  # Telegram's names have no case
        if carry_out is None:
            raise BotApiError(404, "Not Found: the replay's Bot API has no such method")
        return carry_out(form)

    def note(self, method: str, form: Mapping[str, str], error: BotApiError) -> None:
        """Keep what was refused, for whoever looks after the bot."""
        self.refused.append(
            {"method": method, "description": str(error), "text": form.get("text", "")}
        )
        del self.refused[:-MOST_KEPT]

    def messages(self) -> list[dict[str, Any]]:
        """Return what the bot said, as plain data."""
        return [asdict(message) for message in self.sent]

    def _get_me(self, _: Mapping[str, str]) -> dict[str, Any]:
        return {
            **self._me(),
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
        }

    def _me(self) -> dict[str, Any]:
        number = int(self.token.partition(":")[0])
        return {"id": number, "is_bot": True, "first_name": "replay", "username": BOT_NAME}

    def _delete_webhook(self, form: Mapping[str, str]) -> bool:
        if form.get("drop_pending_updates", "").lower() == "true":
            self._updates.clear()
        return True

    def _send(self, form: Mapping[str, str]) -> dict[str, Any]:
        chat = _number(form, "chat_id")
        if chat not in {self.chat, *self._chats}:
            raise bad_request("chat not found")
        text, (buttons, keyboard) = _shown(form), _markup(form)
        self._message_id += 1
        message = Sent(
            self._message_id,
            chat,
            text,
            buttons,
            keyboard,
            form.get("disable_notification", "").lower() == "true",
            _number(form, "message_thread_id") if "message_thread_id" in form else None,
        )
        self.sent.append(message)
        del self.sent[:-MOST_KEPT]
        return self._told(message)

    def _edit(self, form: Mapping[str, str]) -> dict[str, Any]:
        message = self._find(_number(form, "message_id"), "message to edit not found")
        if message.chat != _number(form, "chat_id"):
            raise bad_request("message to edit not found")
        text, (buttons, _) = _shown(form), _markup(form)
        if (text, buttons) == (message.text, message.buttons):
            raise bad_request(
                "message is not modified: specified new message content and reply markup are "
                "exactly the same as a current content and reply markup of the message"
            )
        message.text, message.buttons = text, buttons
        message.edits += 1
        return self._told(message) | {"edit_date": int(time.time())}

    def _answer_callback(self, form: Mapping[str, str]) -> bool:
        self.answered.append(form.get("callback_query_id", ""))
        return True

    def _find(self, message_id: int, missing: str = "message not found") -> Sent:
        for message in self.sent:
            if message.message_id == message_id:
                return message
        raise bad_request(missing)

    def _told(self, message: Sent) -> dict[str, Any]:
        told = {
            "message_id": message.message_id,
            "date": int(time.time()),
            "chat": _chat(message.chat),
            "from": self._me(),
            "text": message.text,
        }
        if message.topic is not None:
            told |= {"message_thread_id": message.topic, "is_topic_message": True}
        return told

    def _update(self, content: dict[str, Any]) -> int:
        self._update_id += 1
        self._updates.append({"update_id": self._update_id, **content})
        return self._update_id


def _shown(form: Mapping[str, str]) -> str:
    try:
        return shown(form.get("text", ""), form.get("parse_mode", ""))
    except MarkupError as error:
        raise bad_request(str(error)) from None


def _markup(form: Mapping[str, str]) -> tuple[list[list[str]], list[list[str]]]:
    """Return the buttons under a message and the keyboard below the chat."""
    try:
        markup = json.loads(form.get("reply_markup", "{}"))
    except ValueError:
        raise bad_request("can't parse reply keyboard markup JSON object") from None
    rows = markup.get("inline_keyboard", [])
    buttons = [[button["text"], button.get("callback_data", "")] for row in rows for button in row]
    for _, data in buttons:
        if not 1 <= len(data.encode()) <= 64:
            raise bad_request("BUTTON_DATA_INVALID")
    keyboard = [[_label(key) for key in row] for row in markup.get("keyboard", [])]
    return buttons, keyboard


def _label(key: Any) -> str:
    return str(key["text"] if isinstance(key, dict) else key)


def _number(form: Mapping[str, str], name: str) -> int:
    try:
        return int(form[name])
    except (KeyError, ValueError):
        raise bad_request(f"{name} is empty") from None


def _chat(chat: int) -> dict[str, Any]:
    if chat < 0:
        return {"id": chat, "type": "supergroup", "title": "group"}
    return {"id": chat, "type": "private", "first_name": "trader"}


def _person(user: int) -> dict[str, Any]:
    return {"id": user, "is_bot": False, "first_name": "trader"}

"""Formatted text as Telegram reads it: what is shown, or why the message is refused.

Follows TDLib's parser (``td/telegram/MessageEntity.cpp``), which the Bot API runs: the same texts
are to pass and to fail, in the same words. Where formatting is broken Telegram sends nothing at
all, so a message that would only look odd elsewhere is one that never arrives there.

Not known here: custom emoji and, in MarkdownV2, expandable quotes.
"""

import html
import re
from collections.abc import Callable

LONGEST = 4096  # UTF-16 units of a message as it is shown

# https://core.telegram.org/bots/api#html-style
_TAGS = frozenset(
    "a b blockquote code del em i ins pre s span strike strong tg-spoiler u".split()  # noqa: SIM905
)
_HTML_ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-fA-F]+|lt|gt|amp|quot);")
_TAG = re.compile(r"<(/?)([^\s>]*)([^>]*)(>?)")
_RESERVED = frozenset("_*[]()~`>#+-=|{}.!")
_QUOTED = frozenset({"Code", "Pre"})  # within them nothing else begins
# What opens an entity of MarkdownV2, what ends it, its name; the longer ones are looked for first.
_MARKS = (
    ("```", "```", "Pre"),
    ("`", "`", "Code"),
    ("__", "__", "Underline"),
    ("_", "_", "Italic"),
    ("*", "*", "Bold"),
    ("~", "~", "Strikethrough"),
    ("||", "||", "Spoiler"),
    ("[", "]", "TextUrl"),
)


class MarkupError(ValueError):
    """Telegram refuses the text; the message is its description without ``Bad Request: ``."""


def shown(text: str, parse_mode: str = "") -> str:
    """Return `text` as a reader sees it.

    Parameters
    ----------
    text : str
        What a program sends.
    parse_mode : str
        ``Markdown``, ``MarkdownV2``, ``HTML``, in any case, or nothing.

    Raises
    ------
    MarkupError
        The text is broken, empty or too long, or the mode is unknown.

    Examples
    --------
    >>> shown("*Enter Tag:* `trending:mean_reversion`", "Markdown")
    'Enter Tag: trending:mean_reversion'
    """
    readers: dict[str, Callable[[str], str]] = {
        "": str,
        "markdown": _markdown,
        "markdownv2": _markdown_v2,
        "html": _html,
    }
    if parse_mode.lower() not in readers:
        raise MarkupError("unsupported parse_mode")
    try:
        seen = readers[parse_mode.lower()](text).strip()
    except MarkupError as error:
        raise MarkupError(f"can't parse entities: {error}") from None
    if not seen:
        raise MarkupError("message text is empty")
    if len(seen.encode("utf-16-le")) // 2 > LONGEST:
        raise MarkupError("message is too long")
    return seen


def _bytes(text: str, end: int) -> int:
    """Return the byte offset of character `end`, which Telegram counts in."""
    return len(text[:end].encode())


def _markdown(text: str) -> str:
    """Read the first Markdown: no nesting, no escapes within an entity."""
    seen: list[str] = []
    at = 0
    while at < len(text):
        mark = text[at]
        if mark == "\\" and text[at + 1 : at + 2] in {"_", "*", "`", "["}:
            seen.append(text[at + 1])
            at += 2
            continue
        if mark not in "_*`[":
            seen.append(mark)
            at += 1
            continue
        block = text.startswith("```", at)
        begin = _after_language(text, at + 3) if block else at + 1
        ending = "```" if block else "]" if mark == "[" else mark
        end = text.find(ending, begin)
        if end < 0:
            raise MarkupError(
                f"Can't find end of the entity starting at byte offset {_bytes(text, at)}"
            )
        seen.append(text[begin:end])
        at = end + len(ending)
        if mark == "[" and text.startswith("(", at):
            close = text.find(")", at)
            at = len(text) if close < 0 else close + 1
    return "".join(seen)


def _after_language(text: str, at: int) -> int:
    """Return where the content of a code block begins: behind its language and one line break."""
    name = re.compile(r"[^\s`]*").match(text, at)
    end = name.end() if name else at
    if at < end < len(text) and text[end] != "`":
        at = end
    breaks = re.compile(r"\r\n|\n\r|\r|\n").match(text, at)
    return breaks.end() if breaks else at


def _markdown_v2(text: str) -> str:
    seen: list[str] = []
    opened: list[tuple[str, str, int]] = []  # name, what ends it, where it began
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\" and at + 1 < len(text) and 0 < ord(text[at + 1]) <= 126:
            seen.append(text[at + 1])
            at += 2
        elif opened and text.startswith(opened[-1][1], at):
            at = _close_v2(text, at, opened.pop())
        elif char != "`" if opened and opened[-1][0] in _QUOTED else char not in _RESERVED:
            seen.append(char)
            at += 1
        elif char == ">" and not opened and (at == 0 or text[at - 1] == "\n"):
            at += 1  # a quotation
        else:
            found = next((mark for mark in _MARKS if text.startswith(mark[0], at)), None)
            if found is None:
                raise MarkupError(
                    f"Character '{char}' is reserved and must be escaped with the preceding '\\'"
                )
            start, ending, name = found
            opened.append((name, ending, at))
            at += len(start)
            if name == "Pre":
                at = _after_language(text, at)
    if opened:
        name, _, begin = opened[-1]
        raise MarkupError(f"Can't find end of {name} entity at byte offset {_bytes(text, begin)}")
    return "".join(seen)


def _close_v2(text: str, at: int, entity: tuple[str, str, int]) -> int:
    """Return where the text goes on behind the end of `entity` at `at`."""
    name, ending, _ = entity
    at += len(ending)
    if name != "TextUrl" or not text.startswith("(", at):
        return at
    target = re.compile(r"\((?:\\.|[^)\\])*\)", re.DOTALL).match(text, at)
    if target is None:
        raise MarkupError(f"Can't find end of a URL at byte offset {_bytes(text, at + 1)}")
    return target.end()


def _html(text: str) -> str:
    seen: list[str] = []
    opened: list[str] = []
    at = 0
    while at < len(text):
        if text[at] != "<":
            entity = _HTML_ENTITY.match(text, at) if text[at] == "&" else None
            seen.append(html.unescape(entity[0]) if entity else text[at])
            at = entity.end() if entity else at + 1
            continue
        tag, where = _TAG.match(text, at), f"at byte offset {_bytes(text, at)}"
        if tag is None:
            raise MarkupError(f"Unclosed start tag {where}")
        closing, name, more, end = tag.groups()
        name = name.lower()
        if closing:
            _close_html(opened, name, unclosed=not end or bool(more.strip()), where=where)
        elif name not in _TAGS and end:
            raise MarkupError(f'Unsupported start tag "{name}" {where}')
        elif not end:
            raise MarkupError(f"Unclosed start tag {where}")
        else:
            opened.append(name)
        at = tag.end()
    if opened:
        raise MarkupError(f'Can\'t find end tag corresponding to start tag "{opened[-1]}"')
    return "".join(seen)


def _close_html(opened: list[str], name: str, *, unclosed: bool, where: str) -> None:
    if not opened:
        raise MarkupError(f"Unexpected end tag {where}")
    if unclosed:
        raise MarkupError(f"Unclosed end tag {where}")
    expected = opened.pop()
    if name and name != expected:
        raise MarkupError(f'Unmatched end tag {where}, expected "</{expected}>", found "</{name}>"')

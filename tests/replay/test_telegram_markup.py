"""Formatting as Telegram's parser reads it: what passes, what is refused, in which words.

The refusals are those of the recording in the shared fixtures and of TDLib's source.
"""

import html
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram.helpers import escape_markdown

from replay.telegram.markup import LONGEST, MarkupError, shown

anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
plain = anything.filter(str.strip)
outside_code = anything.filter(lambda text: not set(text) & set("_*`[\\"))


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("*pong*", "pong"),
        ("*Enter Tag:* `trending:mean_reversion`", "Enter Tag: trending:mean_reversion"),
        ("`a*b_c[d`", "a*b_c[d"),
        ("snake\\_case and 5\\*3", "snake_case and 5*3"),
        ("_one_two", "onetwo"),
        ("[text](https://example.org/a_b) end", "text end"),
        ("[text] end", "text end"),
        ("```python\nx = 1\n``` done", "x = 1\n done"),
        ("``` x_y ```", "x_y"),
        ("back\\slash stays, 50 % too (really)", "back\\slash stays, 50 % too (really)"),
        ("*nothing _nests_ here*", "nothing _nests_ here"),
    ],
)
def test_markdown_reads(text, seen):
    assert shown(text, "Markdown") == seen


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("mean_reversion", 4),
        ("*bold", 0),
        ("1234567890_", 10),
        ("`code", 0),
        ("a ```code``", 2),
        ("list[0", 4),
        ("*a* _b", 4),
        ("\N{CHECK MARK} *x", 4),
        ("*an escape within \\* is none*_", 28),
    ],
)
def test_markdown_refuses_what_has_no_end_and_says_where(text, offset):
    with pytest.raises(MarkupError) as refusal:
        shown(text, "Markdown")
    assert str(refusal.value) == (
        f"can't parse entities: Can't find end of the entity starting at byte offset {offset}"
    )


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("*a _b_ c* \\- `x.y-z!`", "a b c - x.y-z!"),
        ("__under__ ~gone~ ||hidden||", "under gone hidden"),
        ("[docs](https://example.org/a\\)b)", "docs"),
        ("```json\n{}.\n```", "{}."),
        (">quoted\nmore", "quoted\nmore"),
        ("said\n>quoted", "said\nquoted"),
    ],
)
def test_markdown_v2_reads(text, seen):
    assert shown(text, "MarkdownV2") == seen


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a-b", "Character '-' is reserved and must be escaped with the preceding '\\'"),
        ("5 % done.", "Character '.' is reserved and must be escaped with the preceding '\\'"),
        ("a | b", "Character '|' is reserved and must be escaped with the preceding '\\'"),
        ("*bold", "Can't find end of Bold entity at byte offset 0"),
        ("ab `code", "Can't find end of Code entity at byte offset 3"),
        ("[a](b", "Can't find end of a URL at byte offset 4"),
    ],
)
def test_markdown_v2_refuses(text, why):
    with pytest.raises(MarkupError) as refusal:
        shown(text, "MarkdownV2")
    assert str(refusal.value) == f"can't parse entities: {why}"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("<b>a</b> &lt;c&gt; &amp;&quot;", 'a <c> &"'),
        ("<pre>x &#62; y</pre>", "x > y"),
        ("<a href='https://example.org'>link</a> R&D &nbsp;", "link R&D &nbsp;"),
        ("<code class='x'>1_2*3</code>", "1_2*3"),
    ],
)
def test_html_reads(text, seen):
    assert shown(text, "HTML") == seen


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a <c> b", 'Unsupported start tag "c" at byte offset 2'),
        ("profit < 0", "Unclosed start tag at byte offset 7"),
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
    ],
)
def test_html_refuses(text, why):
    with pytest.raises(MarkupError) as refusal:
        shown(text, "HTML")
    assert str(refusal.value) == f"can't parse entities: {why}"


@given(plain)
def test_without_a_mode_a_text_is_itself(text):
    assert shown(text) == text.strip()


@given(plain)
def test_what_the_library_escapes_for_markdown_v2_arrives_as_it_was(text):
    assert shown(escape_markdown(text, version=2), "MarkdownV2") == text.strip()


@given(plain.filter(lambda text: "\\" not in text))
def test_what_the_library_escapes_for_markdown_arrives_as_it_was(text):
    assert shown(escape_markdown(text, version=1), "Markdown") == text.strip()


@given(plain)
def test_what_html_escapes_arrives_as_it_was(text):
    assert (
        shown(f"<pre>{html.escape(text)}</pre>", "HTML") == html.unescape(html.escape(text)).strip()
    )


@given(outside_code.filter(str.strip), st.sampled_from("_*`["))
def test_one_mark_alone_is_always_refused(text, mark):
    with pytest.raises(MarkupError, match="Can't find end"):
        shown(text + mark, "Markdown")


@given(st.sampled_from(["Markdown", "MarkdownV2", "HTML", ""]), anything)
def test_every_text_is_shown_or_refused(mode, text):
    with suppress(MarkupError):
        assert shown(text, mode)


def test_messages_have_a_length_and_it_is_counted_as_shown():
    assert len(shown("*" + "x" * LONGEST + "*", "Markdown")) == LONGEST
    with pytest.raises(MarkupError, match="message is too long"):
        shown("\N{ROCKET}" * (LONGEST // 2 + 1))
    for nothing in ("", "   \n", "** __"):
        with pytest.raises(MarkupError, match="message text is empty"):
            shown(nothing, "Markdown")


def test_an_unknown_mode_is_refused():
    with pytest.raises(MarkupError, match="unsupported parse_mode"):
        shown("x", "BBCode")

"""A bot's files are found again after a restart, and never by another bot."""

import re

from hypothesis import given
from hypothesis import strategies as st

from regimekit.hooks.names import bot_name

words = st.text("abcdef", min_size=1, max_size=8)


@given(words, words, words, words)
def test_name_and_database_tell_bots_apart(name, other, database, second):
    def called(bot, file):
        return bot_name({"bot_name": bot, "db_url": f"sqlite:///{file}"})

    same = (name, database) == (other, second)
    assert (called(name, database) == called(other, second)) is same
    assert re.fullmatch(rf"{name}-[0-9a-f]{{8}}", called(name, database))


@given(words, words)
def test_a_new_password_changes_nothing_and_is_not_in_it(one, other):
    urls = [f"postgresql://me:{password}@host/trades" for password in (one, other)]
    first, second = (bot_name({"bot_name": "x", "db_url": url}) for url in urls)
    assert first == second


def test_what_is_missing_or_nonsense_still_has_a_name():
    names = [bot_name({}), bot_name({"db_url": None}), bot_name({"db_url": "no url"})]
    assert all(name.startswith("freqtrade-") for name in names)

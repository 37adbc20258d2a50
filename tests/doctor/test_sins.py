"""Sins are found where they stand, and what only looks like one is left alone."""

from textwrap import dedent, indent

import pytest

from doctor.sins import SINS, confess

HEAD = """
import time
import numpy as np
import pandas as pd
import requests
from urllib.parse import urlsplit
from urllib.request import urlopen
from regimekit.hooks.base import PackStrategy


class Mine:
    cache = {}
    own = {}
    order_types = {"entry": "limit"}

    def __init__(self, config):
        self.own = {}
"""


@pytest.fixture
def sins(tmp_path):
    """Return the names of the sins of a method, or of a whole file."""

    def of(body, *, method="populate_indicators", head=HEAD):
        code = indent(dedent(body).strip(), "        ")
        path = tmp_path / "Mine.py"
        path.write_text(f"{head}\n    def {method}(self, dataframe, metadata):\n{code}\n")
        found, _ = confess(path, tmp_path)
        return [sin.name for sin in found if not sin.reason]

    return of


WRONG = {
    "x = dataframe['a'].shift(-1)": ["shift"],
    "x = dataframe['a'].shift(periods=-2)": ["shift"],
    "n = 3\nx = dataframe['a'].shift(-n)": ["shift"],
    "x = dataframe['a'].pct_change(-4)": ["shift"],
    "x = dataframe['a'].diff(periods=-1)": ["shift"],
    "x = np.roll(dataframe['a'], -1)": ["shift"],
    "x = dataframe.iloc[-1]": ["last_row"],
    "x = dataframe['a'].iloc[-1]": ["last_row"],
    "x = dataframe['a'].iat[-2]": ["last_row"],
    "x = dataframe['a'].values[-1]": ["last_row"],
    "x = dataframe['a'].to_numpy()[-1]": ["last_row"],
    "x = dataframe.iloc[-1, 3]": ["last_row"],
    "x = dataframe.tail(1)": ["last_row"],
    "x = dataframe['close'].mean()": ["whole_column"],
    "x = dataframe.close.max()": ["whole_column"],
    "x = dataframe['a'].rank(pct=True)": ["whole_column"],
    "x = dataframe['a'].quantile(0.9)": ["whole_column"],
    "x = dataframe['a'].abs().max()": ["whole_column"],
    "x = (dataframe['a'] - dataframe['b']).std()": ["whole_column"],
    "x = (dataframe['a'] > 0).mean()": ["whole_column"],
    "returns = dataframe['a'].pct_change()\nx = returns.std()": ["whole_column"],
    "x = np.mean(dataframe['a'])": ["whole_column"],
    "x = np.nanpercentile(dataframe['a'].values, 90)": ["whole_column"],
    "x = dataframe['a'].fillna(0)": ["neutral"],
    "x = dataframe['a'].fillna(value=0.5)": ["neutral"],
    "x = dataframe.fillna(-1)": ["neutral"],
    "x = np.nan_to_num(dataframe['a'])": ["neutral"],
    "x = dataframe['a'].replace(np.nan, 0)": ["neutral"],
    "x = dataframe['a'].bfill()": ["backfill"],
    "x = dataframe['a'].fillna(method='bfill')": ["backfill"],
    "x = dataframe['a'].rolling(9, center=True).mean()": ["backfill"],
    "x = dataframe['a'].interpolate()": ["backfill"],
    "x = pd.merge_asof(dataframe, other, on='date', direction='nearest')": ["backfill"],
    "requests.get('http://x')": ["network"],
    "requests.Session().get('http://x')": ["network"],
    "urlopen('http://x')": ["network"],
    "import ccxt\nccxt.binance().fetch_ticker('x')": ["network"],
    "time.sleep(3)": ["sleep"],
    "self.cache['x'] = 1": ["state"],
    "self.cache.update(x=1)": ["state"],
    "global seen\nseen = 1": ["state"],
}


@pytest.mark.parametrize(("line", "names"), WRONG.items(), ids=WRONG)
def test_sins_are_found(line, names, sins):
    assert sins(line) == names


RIGHT = (
    "x = dataframe['a'].shift(1)",
    "x = dataframe['a'].rolling(20).mean()",
    "x = dataframe['a'].rolling(20).rank(pct=True)",
    "x = dataframe['a'].expanding().max()",
    "x = dataframe['a'].ewm(span=9).mean()",
    "x = (dataframe['a'] / dataframe['a'].rolling(9).mean()).rolling(9).std()",
    "x = dataframe[['a', 'b']].max(axis=1)",
    "x = [1, 2][-1]",
    "x = dataframe.iloc[-20:]",
    "x = dataframe['a'].fillna(False)",
    "x = dataframe['a'].ffill()",
    "x = urlsplit('http://x').netloc",
    "x = max(1, 2)",
    "x = np.max([1, 2])",
    "self.own['x'] = 1",
    "x = pd.merge_asof(dataframe, other, on='date', direction='backward')",
    "x = dataframe['a'].replace('x', 0)",
)


@pytest.mark.parametrize("line", RIGHT)
def test_what_only_looks_like_a_sin_is_none(line, sins):
    assert sins(line) == []


@pytest.mark.parametrize("name", SINS)
def test_every_sin_has_an_example(name):
    assert any(name in names for names in WRONG.values())


def test_a_reason_silences_one_kind_on_one_line(sins):
    line = "x = dataframe['a'].shift(-1)"
    assert sins(f"{line}  # doctor: allow shift because it is a label of training") == []
    assert sins(f"# doctor: allow code.shift because it is a label\n{line}") == []
    assert sins(f"{line}  # doctor: allow shift") == ["shift"]
    assert sins(f"{line}  # doctor: allow shift because") == ["shift"]
    assert sins(f"{line}  # doctor: allow neutral because of that") == ["shift"]
    assert sins(f"# doctor: allow shift because of one\n{line}\n{line}") == ["shift"]


def test_the_reason_is_told(tmp_path):
    path = tmp_path / "Mine.py"
    path.write_text("x = y.shift(-1)  # doctor: allow shift because it is drawn only\n")
    (sin,), _ = confess(path, tmp_path)
    assert (sin.file, sin.line, sin.reason) == ("Mine.py", 1, "it is drawn only")


def test_targets_of_a_model_may_look_ahead(sins):
    assert sins("x = dataframe['a'].shift(-9)", method="set_freqai_targets") == []


def test_what_no_callback_calls_may_take_its_time(sins):
    assert sins("time.sleep(3)\nrequests.get('x')", method="bot_start") == []
    assert sins("x = dataframe.iloc[-1]", method="helper_of_nobody") == []


def test_sins_are_followed_into_helpers_beside_the_strategy(tmp_path):
    (tmp_path / "helpers").mkdir()
    (tmp_path / "helpers" / "__init__.py").write_text("from helpers.deep import score\n")
    (tmp_path / "helpers" / "deep.py").write_text(
        "import httpx\n\n\ndef score(df):\n    fetch()\n    return df['close'].mean()\n\n\n"
        "def fetch():\n    return httpx.get('http://x')\n\n\n"
        "def unused(df):\n    return df['close'].max()\n"
    )
    path = tmp_path / "Mine.py"
    path.write_text(
        "from helpers import score\n\n\nclass Mine:\n"
        "    def populate_indicators(self, dataframe, metadata):\n"
        "        dataframe['x'] = score(dataframe)\n        return dataframe\n"
    )
    found, read = confess(path, tmp_path)
    assert [(sin.name, sin.file, sin.line) for sin in found] == [
        ("whole_column", "helpers/deep.py", 6),
        ("network", "helpers/deep.py", 10),
    ]
    assert set(read) == {"Mine.py", "helpers/__init__.py", "helpers/deep.py"}


def test_an_edited_file_is_read_again(tmp_path):
    path = tmp_path / "Mine.py"
    path.write_text("x = y.shift(-1)\n")
    assert len(confess(path, tmp_path)[0]) == 1
    path.write_text("x = y.shift(1)\n")
    assert confess(path, tmp_path)[0] == []


def test_our_own_strategy_has_none_without_a_reason(repository):
    strategy = repository / "user_data" / "strategies" / "RegimeRouter.py"
    found, read = confess(strategy, repository)
    assert [sin for sin in found if not sin.reason] == []
    # What decides is read, not the declaration alone.
    assert {"regimekit/decisions.py", "regimekit/hooks/gates.py", "regimekit/inputs.py"} <= set(
        read
    )
    assert not any(name.startswith(("providers/", "tests/")) for name in read)

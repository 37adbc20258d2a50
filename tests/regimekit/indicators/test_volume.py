"""Volume measures, computed by hand."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from regimekit.indicators.volume import obv_flow, volume_ratio

volumes = st.lists(st.integers(0, 10_000).map(float), min_size=1, max_size=60).map(pd.Series)


def test_volume_ratio_compares_with_the_candles_before():
    ratio = volume_ratio(pd.Series([1.0, 3.0, 4.0, 7.0]), bars=2)
    np.testing.assert_array_equal(ratio, [np.nan, np.nan, 2.0, 2.0])


def test_volume_ratio_is_unknown_where_nothing_traded():
    ratio = volume_ratio(pd.Series([0.0, 0.0, 5.0]), bars=2)
    assert ratio.isna().all()


def test_obv_flow_weighs_rises_against_falls():
    close = pd.Series([10.0, 11.0, 12.0, 11.0, 11.0])
    volume = pd.Series([99.0, 2.0, 2.0, 4.0, 2.0])
    flow = obv_flow(close, volume, bars=2)
    np.testing.assert_array_equal(flow, [np.nan, np.nan, 1.0, -2 / 6, -4 / 6])


def test_obv_flow_is_unknown_where_nothing_traded():
    assert obv_flow(pd.Series([1.0, 2.0, 3.0]), pd.Series([1.0, 0.0, 0.0]), bars=2).isna().all()


@given(volumes, st.sampled_from([1.0, -1.0]))
def test_obv_flow_is_one_sided_where_every_candle_goes_one_way(volume, sign):
    close = pd.Series(100 + sign * np.arange(len(volume)))
    flow = obv_flow(close, volume, bars=5)
    traded = volume.rolling(5).sum().gt(0) & (volume.index >= 5)
    np.testing.assert_array_equal(flow.isna(), ~traded)
    assert (flow[traded] == sign).all()

"""config.py: defaults, checks, and the way to JSON and back."""

from __future__ import annotations

import dataclasses
import json
import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2v.config import MOST_ALPHA, MOST_NOISE_GROUP, MOST_WINDOW, CbowGradient, Saturation, TrainConfig
from w2v.errors import ConfigError

WHOLE = {"vector_size": 1, "window": 1, "negative": 0, "epochs": 1, "min_count": 0, "seed": 0, "noise_group": 1, "threads": 1,
         "max_final_vocab": 1}  # fmt: skip
NUMBERS = ("ns_exponent", "sample", "min_alpha", "alpha")
FLAGS = ("sg", "hs", "shrink_windows", "cbow_mean", "deterministic")


def test_the_defaults_are_those_people_know():
    config = TrainConfig()
    assert (config.vector_size, config.window, config.negative, config.epochs, config.min_count) == (100, 5, 5, 5, 5)
    assert (config.sample, config.ns_exponent, config.min_alpha) == (1e-3, 0.75, 1e-4)
    assert (config.sg, config.hs, config.shrink_windows, config.cbow_mean) == (True, False, True, True)
    assert (config.cbow_gradient, config.saturation) == (CbowGradient.SHARED, Saturation.CLAMP)


@pytest.mark.parametrize(("name", "least"), WHOLE.items())
def test_whole_numbers_have_a_least_value(name, least):
    assert getattr(TrainConfig(hs=True, **{name: least}), name) == least
    for wrong in (least - 1, 2.5, 2.0, "5", True, math.nan, [3]):
        with pytest.raises(ConfigError, match=name):
            TrainConfig(hs=True, **{name: wrong})


@pytest.mark.parametrize("name", sorted(set(WHOLE) - {"max_final_vocab"}))
def test_none_is_no_number(name):
    with pytest.raises(ConfigError, match=name):
        TrainConfig(**{name: None})


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_finite(name):
    for wrong in (math.nan, math.inf, -math.inf, "0.1", b"1", True, [0.1], 1j, 10**400):
        with pytest.raises(ConfigError, match=name):
            TrainConfig(**{name: wrong})


@pytest.mark.parametrize("name", ["sample", "min_alpha", "alpha"])
def test_rates_are_not_negative(name):
    with pytest.raises(ConfigError, match="negative"):
        TrainConfig(**{name: -0.1})
    assert TrainConfig(ns_exponent=-0.5).ns_exponent == -0.5  # a valid choice: rare words as noise (Caselles-Dupré 2018)


@pytest.mark.parametrize("name", FLAGS)
def test_flags_are_true_or_false(name):
    for value in (0, 1, True, False, np.True_, np.int64(0)):
        found = getattr(TrainConfig(**{name: value}), name)
        assert type(found) is bool
        assert found == value
    for wrong in (2, "yes", None, -1):
        with pytest.raises(ConfigError, match=name):
            TrainConfig(**{name: wrong})


def test_enums_by_value_or_name_of_the_rule():
    assert TrainConfig(cbow_gradient="divided").cbow_gradient is CbowGradient.DIVIDED
    assert TrainConfig(saturation=Saturation.SKIP).saturation is Saturation.SKIP
    with pytest.raises(ConfigError, match=r"shared, divided"):
        TrainConfig(cbow_gradient="corrected")
    with pytest.raises(ConfigError, match=r"clamp, skip, none"):
        TrainConfig(saturation=None)


def test_something_must_be_learnt():
    with pytest.raises(ConfigError, match="nothing to learn") as caught:
        TrainConfig(negative=0)
    assert "--hs" in caught.value.hint
    assert TrainConfig(negative=0, hs=True).hs


def test_a_noise_group_is_small():
    """Each thread has a table of 2**noise_group rows."""
    assert TrainConfig(noise_group=MOST_NOISE_GROUP).noise_group == MOST_NOISE_GROUP
    for wrong in (MOST_NOISE_GROUP + 1, 64):
        with pytest.raises(ConfigError, match="noise_group"):
            TrainConfig(noise_group=wrong)


def test_a_window_fits_the_kernels_numbers():
    assert TrainConfig(window=MOST_WINDOW).window == MOST_WINDOW
    with pytest.raises(ConfigError, match="1,000,000,001, of at most 1,000,000,000"):
        TrainConfig(window=MOST_WINDOW + 1)


@pytest.mark.parametrize("name", ["alpha", "min_alpha"])
def test_a_rate_fits_the_kernels_numbers(name):
    assert getattr(TrainConfig(**{name: MOST_ALPHA}), name) == MOST_ALPHA
    with pytest.raises(ConfigError, match="alpha and min_alpha are at most"):
        TrainConfig(**{name: 1e39})


def test_numbers_become_pythons_own():
    """Those of numpy would not go into a model file, and would make numba compile the kernels again."""
    given = TrainConfig(
        vector_size=np.int32(50), window=np.uint8(3), alpha=np.float32(0.5), sample=Decimal("0.25"), hs=np.True_
    )
    assert [type(v) for v in (given.vector_size, given.window, given.alpha, given.sample, given.hs)] == [
        int, int, float, float, bool]  # fmt: skip
    assert TrainConfig(sample=0).sample == 0.0
    assert TrainConfig(min_count=2**40).min_count == 2**40


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 0.025),
        ({"sg": False}, 0.025),
        ({"sg": False, "cbow_gradient": "divided"}, 0.12),
        ({"sg": False, "cbow_gradient": "divided", "cbow_mean": False}, 0.025),  # the sum's gradient is not divided
        ({"sg": True, "cbow_gradient": "divided"}, 0.025),
        ({"sg": False, "cbow_gradient": "divided", "alpha": 0.3}, 0.3),
        ({"alpha": 0}, 0.0),
    ],
)
def test_the_first_learning_rate(options, expected):
    assert TrainConfig(**options).start_alpha == expected


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "vector_size": st.integers(1, 1000),
            "hs": st.booleans(),
            "sample": st.floats(0, 10),
            "alpha": st.none() | st.floats(0, 1),
            "cbow_gradient": st.sampled_from(CbowGradient),
            "saturation": st.sampled_from([s.value for s in Saturation]),
            "max_final_vocab": st.none() | st.integers(1, 10**9),
            "seed": st.integers(0, 2**64),
        },
    )
)
def test_json_and_back(options):
    config = TrainConfig(**options)
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert set(config.to_dict()) == {f.name for f in dataclasses.fields(TrainConfig)}


def test_unknown_names_are_refused():
    with pytest.raises(ConfigError, match="'size'") as caught:
        TrainConfig.from_dict({"size": 100})
    assert "vector_size" in caught.value.hint


def test_a_configuration_does_not_change():
    config = TrainConfig()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.window = 3
    assert config.replace(window=3).window == 3
    assert config.window == 5
    with pytest.raises(ConfigError, match="window"):
        config.replace(window=0)

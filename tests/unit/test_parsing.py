"""What people type: durations, rates, sampling, tags."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import UsageError
from jobs.parsing import LONGEST_S, parse_duration, parse_fps, parse_interval, parse_sampling, parse_tags
from workers.analysis import Sampling, SamplingMode
from workers.errors import SettingsError
from workers.services.rate import Rate, parse_rate


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", Fraction(1)),
        ("500ms", Fraction(1, 2)),
        ("0.2", Fraction(1, 5)),
        (".5", Fraction(1, 2)),
        ("1/30", Fraction(1, 30)),
        ("2m", Fraction(120)),
        ("2min", Fraction(120)),
        ("1h30m", Fraction(5400)),
        ("1h 30m", None),
        ("1:02:03.5", Fraction(7447, 2)),
        ("02:03", Fraction(123)),
        (" 3S ", Fraction(3)),
    ],
)
def test_a_duration_is_read_exactly(text: str, seconds: Fraction | None) -> None:
    if seconds is None:
        with pytest.raises(UsageError):
            parse_duration(text)
    else:
        assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "1x", "-1s", "1s2", "1/0", "one", "1..2", "\u0661s", "nan", "inf", "1e3"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_duration(text)
    assert "1s" in refused.value.hint


@pytest.mark.parametrize(
    "text",
    ["9" * 5000, "9" * 400, "1/" + "9" * 5000, "9" * 5000 + ":00:00", "0." + "1" * 5000, "11y", "366000d", "88000h"],
)
def test_what_is_too_long_is_refused_in_few_words(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_duration(text)
    assert len(str(refused.value)) < 200
    assert "1s" in refused.value.hint


def test_ten_years_are_a_duration_that_any_clock_takes() -> None:
    assert float(parse_duration(f"{LONGEST_S}s")) == LONGEST_S
    with pytest.raises(UsageError, match="longer than ten years"):
        parse_duration(f"{LONGEST_S + 1}")


@pytest.mark.parametrize("text", ["9" * 5000, "9" * 60, "1/" + "9" * 50, "1" * 20 + "/" + "1" * 44])
def test_a_rate_of_no_video_is_refused_in_few_words(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_fps(text)
    assert len(str(refused.value)) < 200
    assert "30000/1001" in refused.value.hint


def test_the_shortest_interval_is_a_microsecond() -> None:
    assert parse_interval("0.000001") == parse_fps("1000000") == Fraction(1, 1_000_000)
    with pytest.raises(UsageError, match="shorter than a microsecond") as refused:
        parse_interval("0.0000009s")
    assert "--every-frame" in refused.value.hint


@given(st.text(max_size=20))
def test_any_text_is_a_duration_or_a_usage_error(text: str) -> None:
    try:
        assert parse_duration(text) >= 0
    except UsageError as refused:
        assert refused.hint


@given(st.fractions(min_value=0, max_value=10**6, max_denominator=10**4))
def test_an_exact_fraction_survives(seconds: Fraction) -> None:
    assert parse_duration(f"{seconds.numerator}/{seconds.denominator}s") == seconds


def test_a_frame_rate_becomes_the_interval_between_frames() -> None:
    assert parse_fps("30000/1001") == Fraction(1001, 30000)
    assert parse_fps("2.5") == Fraction(2, 5)


@pytest.mark.parametrize("parse", [parse_interval, parse_fps])
def test_zero_would_sample_nothing_and_is_refused(parse: object) -> None:
    assert callable(parse)
    with pytest.raises(UsageError) as refused:
        parse("0")
    assert "--every-frame" in refused.value.hint


def test_sampling_follows_the_option_given() -> None:
    assert parse_sampling(None, None, False, False, None, None) == Sampling()
    assert parse_sampling("2s", None, False, False, "1s", "1m").end_s == 60
    assert parse_sampling(None, "5", False, False, None, None).interval_s == Fraction(1, 5)
    assert parse_sampling(None, None, True, False, None, None).mode is SamplingMode.EVERY_FRAME
    assert parse_sampling(None, None, False, True, None, None).mode is SamplingMode.KEYFRAMES


def test_two_ways_of_sampling_contradict_each_other() -> None:
    with pytest.raises(UsageError, match="--every and --fps"):
        parse_sampling("1s", "5", False, False, None, None)


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(UsageError, match="--end"):
        parse_sampling(None, None, False, False, "10s", "10s")


def test_tags_split_at_the_first_equals_sign() -> None:
    assert parse_tags(["a=b=c", " key = value "]) == {"a": "b=c", "key": "value"}


@pytest.mark.parametrize("pairs", [["novalue"], ["=x"], ["a=1", "a=2"]])
def test_a_tag_without_a_key_or_given_twice_is_refused(pairs: list[str]) -> None:
    with pytest.raises(UsageError):
        parse_tags(pairs)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("10/s", Rate(10, 1.0)),
        (" 20 / MIN ", Rate(20, 60.0)),
        ("20/m", Rate(20, 60.0)),
        ("1000/h", Rate(1000, 3600.0)),
        ("100/30s", Rate(100, 30.0)),
        ("0.5/s", Rate(1, 2.0)),
        ("2.5/s", Rate(2.5, 1.0)),
        (".1/s", Rate(1, 10.0)),
        ("10.0/s", Rate(10, 1.0)),
    ],
)
def test_a_rate_is_whole_calls_in_a_window(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text",
    [
        *("", "10", "s", "/s", "10/", "10 per second", "0/s", "-1/s", "10/0s", "1e3/s", "1/0/s", "10/d", "nan/s"),
        *("10001/s", "1/48h", "0.00000001/s", "\u0661/s", "9" * 5000 + "/s", "1/" + "9" * 50 + "s"),
    ],
)
def test_what_is_no_rate_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_rate(text)
    assert "20/min" in refused.value.hint
    assert len(str(refused.value)) < 200


@given(st.integers(1, 10_000), st.sampled_from(["s", "min", "h"]))
def test_a_rate_says_itself_as_it_is_written(calls: int, unit: str) -> None:
    assert str(parse_rate(f"{calls}/{unit}")) == f"{calls}/{unit}"

"""Whatever people type or write into files: a value that makes sense, or an error of ours with a hint, in few words."""

import math
import string
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from db.query_params import read_value
from db.text import storable
from jobs.discover import Filters
from jobs.errors import UsageError
from jobs.manifest import read_manifest
from jobs.parsing import LONGEST_S, parse_duration, parse_fps, parse_interval, parse_sampling, parse_tags
from workers.errors import SettingsError
from workers.roots import parse_roots
from workers.services.address import address_of
from workers.services.rate import parse_rate
from workers.settings import Settings
from workers.urls import check_url, join_url, split_url

OURS = (UsageError, SettingsError)
MOST_WORDS = 400
"""Characters of an error: what was typed may be quoted, but not all of it."""
typed = st.text(max_size=80) | st.text("0123456789.:/-+smhdinfe ", max_size=20)
"""Anything, and what is near to numbers and times."""


def refused_or(parse: Callable[[Any], Any], text: Any) -> Any:
    """What a text is read as; None where it is refused as it should be."""
    try:
        return parse(text)
    except OURS as error:
        assert error.hint
        assert len(str(error)) < MOST_WORDS
        return None


@given(typed)
@example("1" * 80)
@example("1/3s")
def test_times_are_finite_and_in_range(text: str) -> None:
    for parse in (parse_duration, parse_interval):
        found = refused_or(parse, text)
        assert found is None or 0 <= found <= LONGEST_S
    period = refused_or(parse_fps, text)
    assert period is None or Fraction(1, 1_000_000) <= period <= LONGEST_S


@given(typed)
def test_a_rate_has_calls_and_a_window(text: str) -> None:
    rate = refused_or(parse_rate, text)
    assert rate is None or (rate.calls > 0 and 0 < rate.window_s < math.inf and parse_rate(str(rate)) == rate)


@given(st.none() | typed, st.none() | typed, st.booleans(), st.booleans(), st.none() | typed, st.none() | typed)
def test_sampling_is_of_one_kind_within_a_window(
    every: str | None, fps: str | None, every_frame: bool, keyframes: bool, start: str | None, end: str | None
) -> None:
    found = refused_or(lambda _: parse_sampling(every, fps, every_frame, keyframes, start, end), None)
    assert found is None or found.interval_s > 0
    if found is not None and found.start_s is not None and found.end_s is not None:
        assert found.start_s < found.end_s


@given(st.lists(st.text("ab= \0\n\ud800", max_size=6), max_size=4))
def test_tags_have_names_and_come_once(pairs: list[str]) -> None:
    tags = refused_or(parse_tags, pairs)
    assert tags is None or (len(tags) == len(pairs) and all(name.strip() == name != "" for name in tags))


@given(st.text("*?[]!-./ab\\\n\ud800", max_size=12), st.binary(max_size=12))
@example("[", b"[")
@example("[!a-", b"b")
def test_any_glob_and_any_name_have_an_answer(glob: str, name: bytes) -> None:
    taken, left_out = Filters(include=(glob,)).admits(name), Filters(exclude=(glob,)).admits(name)
    assert taken is not left_out


@settings(max_examples=200)
@given(st.binary(max_size=200) | st.text('path,tag"\n\r\t ;é\0', max_size=80).map(str.encode))
@example(b"path,who\na.mp4,Ann\n")
@example(b"\xff\xfep\0a\0t\0h\0")
@example(b'path\n"a\nb.mp4"\n')
def test_a_manifest_is_paths_with_tags(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "manifest.csv"
    path.write_bytes(data)
    found = refused_or(read_manifest, str(path))
    if found is not None:
        assert found.tags
        assert all(name.startswith(b"/") or b"://" in name for name in found.tags)
        assert all("path" not in tags and all(tags.values()) for tags in found.tags.values())


@given(st.text("ab=,/: s3.%@?#\udcff", max_size=30))
def test_media_roots_are_named_absolute_places(text: str) -> None:
    found = refused_or(parse_roots, text)
    assert found is None or all(
        name and "/" not in name and (folder.startswith(b"/") or b"://" in folder)
        for name, folder in found.folders.items()
    )


@given(st.binary(max_size=20).map(lambda rest: b"s3://" + rest) | st.binary(max_size=20))
@example(b"s3://bucket/a/../b")
@example(b"s3://user:secret@bucket/a")
def test_a_url_is_refused_or_its_own_form(url: bytes) -> None:
    found = refused_or(check_url, url)
    if found is not None:
        assert check_url(found) == found
        assert b".." not in found.split(b"/")
        assert join_url(*split_url(found)) == found


@given(st.text(max_size=40) | st.text("htps:/[]@?#.1a%", max_size=30))
@example("http://[::1")
@example("https://\u2100.com")
def test_an_address_has_a_host_and_no_password(text: str) -> None:
    found = refused_or(lambda one: address_of("azure_endpoint", one, has_key=True), text)
    assert found is None or (found.host and not found.userinfo and found.scheme in ("http", "https"))


@given(
    st.text(max_size=40) | st.text("0123456789.e-+_infaNx", max_size=20) | st.integers().map(str) | st.floats().map(str)
)
@example("1.5")
@example("-7")
def test_a_parameter_is_a_text_and_a_number_that_a_database_takes(text: str) -> None:
    value = read_value(text)
    if value.number is not None:
        assert float(text) == float(value.number)
        assert math.isfinite(value.number)
    if isinstance(value.number, int):
        assert -(2**63) <= value.number < 2**63
    if not text.startswith("'"):
        assert value.text == storable(text)


NUMBERS = ("workers", "child_memory_mb", "child_timeout_s", "lease_s", "cache_mb", "service_timeout_s")


@given(st.sampled_from(NUMBERS), st.text(string.digits + ".-+einfNa_ ", max_size=12) | st.integers() | st.floats())
@example("workers", "1e999")
@example("lease_s", "nan")
def test_a_setting_is_in_its_range_or_names_itself(name: str, value: Any) -> None:
    try:
        found = getattr(Settings.load(**{name: value}), name)
    except SettingsError as error:
        assert name in str(error)
        assert name.upper() in error.hint
        assert len(str(error)) < MOST_WORDS
    else:
        assert math.isfinite(found)
        assert found > 0


def test_a_manifest_that_is_a_folder_or_a_device_is_refused(tmp_path: Path) -> None:
    for name in (str(tmp_path), "/dev/null"):
        assert refused_or(read_manifest, name) is None

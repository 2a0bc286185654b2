"""Only bells as ours are written get past the doorman, and nothing that a stranger writes breaks it."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.strangers import bell, misshapen, of_celery_itself, pickled
from workers.doorman import MOST_IDS, NotABell, check

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
REFUSED = misshapen() | of_celery_itself() | pickled(Path("/nowhere"))


def test_a_bell_passes_also_when_it_is_delivered_again() -> None:
    check(bell(1), "cpu")
    again = bell(*range(1, MOST_IDS + 1))
    again["headers"]["redelivered"] = again["properties"]["delivery_info"]["redelivered"] = True
    check(again, "cpu")


@pytest.mark.parametrize("name", REFUSED)
def test_whatever_differs_is_refused(name: str) -> None:
    with pytest.raises(NotABell):
        check(REFUSED[name], "cpu")


def test_a_bell_of_another_queue_is_refused() -> None:
    with pytest.raises(NotABell, match="another queue"):
        check(bell(1), "api")


@given(JSON)
def test_anything_else_is_refused_and_breaks_nothing(anything: Any) -> None:
    with pytest.raises(NotABell):
        check(anything, "cpu")


@given(st.sampled_from([(part, name) for part in ("headers", "properties") for name in bell(1)[part]]), JSON)
def test_no_part_of_a_bell_can_break_the_doorman(place: tuple[str, str], value: Any) -> None:
    part, name = place
    altered = bell(1)
    altered[part][name] = value
    try:
        check(altered, "cpu")
    except NotABell as error:
        assert len(str(error)) < 200


@pytest.mark.parametrize("part", bell(1))
@given(value=JSON)
def test_nor_can_a_whole_part_of_it(part: str, value: Any) -> None:
    with pytest.raises(NotABell):
        check(bell(1) | {part: value}, "cpu")


def test_what_a_refusal_quotes_is_kept_short_and_on_one_line() -> None:
    with pytest.raises(NotABell) as refused:
        check(bell(1) | {"headers": {"task": "x\n" * 10_000}}, "cpu")
    assert len(str(refused.value)) < 120
    assert "\n" not in str(refused.value)

"""A request survives being stored, whatever names are in it."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from jobs.discover import Filters
from jobs.request import RunRequest
from workers.analysis import AnalysisSpec, DetectorSpec, Sampling, SamplingMode, ScorerSpec

paths = st.binary(min_size=1, max_size=20).filter(lambda raw: b"\0" not in raw)
words = st.text(max_size=10)
moment = st.fractions(min_value=0, max_value=1000, max_denominator=1000)
window = st.tuples(st.none() | moment, st.none() | moment.map(lambda seconds: seconds + 1001))


@given(
    st.lists(paths, max_size=3),
    st.dictionaries(words, words, max_size=3),
    st.dictionaries(paths, st.dictionaries(words, words, max_size=2), max_size=2),
    st.sampled_from(SamplingMode),
    window,
)
def test_a_stored_request_reads_back_the_same(
    named: list[bytes],
    tags: dict[str, str],
    file_tags: dict[bytes, dict[str, str]],
    mode: SamplingMode,
    window: tuple[Fraction | None, Fraction | None],
) -> None:
    request = RunRequest(
        paths=tuple(named),
        analysis=AnalysisSpec(Sampling(mode, Fraction(1, 3), *window), DetectorSpec(), ScorerSpec()),
        filters=Filters(("*.mp4",), ("x/*",), follow_links=True),
        name="näme",
        tags=tags,
        file_tags=file_tags,
    )
    assert RunRequest.from_json(request.to_json()) == request


def test_a_manifests_tags_win_over_those_of_all_files() -> None:
    analysis = AnalysisSpec(Sampling(), DetectorSpec(), ScorerSpec())
    request = RunRequest((b"/x",), analysis, tags={"a": "1", "b": "1"}, file_tags={b"/x/f": {"b": "2"}})
    assert request.tags_of(b"/x/f") == {"a": "1", "b": "2"}
    assert request.tags_of(b"/x/g") == {"a": "1", "b": "1"}

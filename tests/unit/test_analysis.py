"""What is asked of the pixels, as text and as a fingerprint: what differs in numbers differs here, and nothing else."""

import json
from dataclasses import replace
from fractions import Fraction

import pytest

from workers.analysis import AnalysisSpec, DetectorSpec, Sampling, SamplingMode, ScorerSpec

SPEC = AnalysisSpec(Sampling(), DetectorSpec(), ScorerSpec())


@pytest.mark.parametrize(
    "sampling",
    [
        None,
        Sampling(),
        Sampling(fast_decode=True),
        Sampling(SamplingMode.KEYFRAMES, start_s=Fraction(1, 3), end_s=Fraction(7)),
        Sampling(interval_s=Fraction(1, 30), fast_decode=True),
    ],
    ids=str,
)
def test_an_analysis_comes_back_from_its_text(sampling: Sampling | None) -> None:
    spec = replace(SPEC, sampling=sampling, scorer=ScorerSpec("azure", pack=36, options=(("a", "b"),)))
    assert AnalysisSpec.from_json(spec.to_json()) == spec


def test_decoding_fast_is_another_analysis_and_says_so() -> None:
    fast = replace(SPEC, sampling=Sampling(fast_decode=True)).record()
    assert fast.fingerprint != SPEC.record().fingerprint
    assert (SPEC.record().sampling, fast.sampling) == ("every 1s", "every 1s, decoded fast")


def test_an_analysis_from_before_fast_decoding_keeps_its_fingerprint() -> None:
    assert set(json.loads(SPEC.to_json())["sampling"]) == {"mode", "interval_s", "start_s", "end_s"}


def test_photos_are_the_same_analysis_however_videos_are_decoded() -> None:
    assert replace(SPEC, sampling=Sampling(fast_decode=True)).for_photos() == SPEC.for_photos()

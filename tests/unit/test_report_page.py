"""What a page must never do: run, load or break on what files, tags and problems are called."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from db.job_records import JobCounts, JobRecord
from db.overview import ProblemLine
from db.records import Problem
from db.report import ReportFile
from db.states import JobState
from jobs.report import page, text
from jobs.report.facts import Asked, FileFacts, Report
from jobs.report.groups import Member, groups_of
from jobs.report.links import Link, LocalLinks
from jobs.report.payload import escaped
from jobs.report.thumbnails import SIDE_PX, thumbnail
from workers.messages import Cutout
from workers.roots import MediaRoots

HOSTILE = (
    "</script><script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=1">.mp4',
    "<!--<script>",
    "'; alert(1); //",
    "a\u202egpj.exe",
    "line\u2028break\u2029here\nand\rthere\x1b[2J\x00",
    "`|*_[x](javascript:alert(1))<b>",
    "\udcff\udcfe not UTF-8",
    "{{ 7 * 7 }}{% raw %}",
)


def a_report(*names: str) -> Report:
    """A report of files, tags and problems called so."""
    job = JobRecord(
        id="01900001-0000-7000-8000-0001abcdef01",
        name=names[0],
        state=JobState.SEALED,
        request_json="{}",
        video_analysis_id=1,
        photo_analysis_id=2,
        program_version="0.1.0",
        submitter="host:1",
        submitter_seen_at="",
        created_at="2026-01-01 00:00:00",
        sealed_at=None,
        skipped=0,
    )
    problem = [Problem(f"media.{name}", name, name) for name in names]
    files = [
        FileFacts(ReportFile(name, b"/r", b"x", 1, 1, {name: name}, None, why), Link(missing=name))
        for name, why in zip(names, problem, strict=True)
    ]
    members = [Member({names[0]: name}, name, (1.0,) + (0.0,) * 7, 0.0) for name in names]
    return Report(
        job=job,
        counts=JobCounts(len(names), len(names), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.0, 0.0),
        asked=Asked((("Detector", names[0]),)),
        made_at="2026-01-01 00:00:00",
        program_version="0.1.0",
        dominants={"happiness": 3, "neutral": 1},
        files=files,
        files_left_out=0,
        problems=[ProblemLine(name, "file", why, None, None) for name, why in zip(names, problem, strict=True)],
        problems_left_out=0,
        groups={names[0]: groups_of(members, names[0], names)},
        courses=[],
        notes=(names[0],),
    )


def test_hostile_text_opens_no_element_and_ends_none() -> None:
    made = page.render(a_report(*HOSTILE))
    harmless = page.render(a_report(*["name"] * len(HOSTILE)))
    assert re.findall(r"<[/!]?\w*", made) == re.findall(r"<[/!]?\w*", harmless)
    assert "\u202e" not in made
    assert "49{%" not in made
    made.encode("utf-8")


def test_the_payload_reads_back_as_it_was() -> None:
    value = {name: [name] for name in HOSTILE[:-2]}
    made = escaped(value)
    assert not set(made) & set("<>&\u2028\u2029")
    assert json.loads(made) == value


def test_the_policy_allows_the_pages_own_script_and_style_and_nothing_else() -> None:
    made = page.render(a_report("name"))
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', made)
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy[1].replace("&#39;", "'").split("; "))
    assert rules["default-src"] == "'none'"
    for name, element in (("script-src", "<script>"), ("style-src", "<style>")):
        inside = made.partition(element)[2].partition("</")[0]
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"
    assert "http" not in policy[1]
    assert "unsafe" not in policy[1]
    assert " style=" not in made
    body = made.partition("<body>")[2].partition("<script")[0]
    assert not re.search(r"""\s(on\w+|src)=|\shref="[^#]""", body)


def test_the_script_sets_text_and_never_markup() -> None:
    script = page.render(a_report("name")).partition("<script>")[2]
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|fetch\(", script
    )


def test_markdown_shows_names_and_reads_none_as_markup() -> None:
    made = text.render(a_report(*HOSTILE))
    lines = [line for line in made.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) <= 4, "a name broke a row"
    assert not re.search(r"(?<!\\)<", made)
    assert "\x1b" not in made
    assert not re.search(r"(?<!\\)\[x", made)


def test_a_link_leads_from_the_page_to_the_file_whatever_it_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "m e d i a"
    folder.mkdir()
    name = "a#b?c%20:é\udcff.mp4".encode("utf-8", "surrogateescape")
    (folder / name.decode("utf-8", "surrogateescape")).touch()
    file = ReportFile("x", str(folder).encode(), name, 0, 0, {}, None, None)
    link = LocalLinks(tmp_path / "reports")(file)
    assert link.url == "../m%20e%20d%20i%20a/a%23b%3Fc%2520%3A%C3%A9%FF.mp4"


@pytest.mark.parametrize(
    ("root", "said"),
    [(b"/nowhere", "not there"), (b"s3://bucket/x", "object store"), (b"unknown", "no media root named")],
)
def test_a_recording_that_cannot_be_linked_has_a_reason(root: bytes, said: str, tmp_path: Path) -> None:
    file = ReportFile("x", root, b"x.mp4", 0, 0, {}, None, None)
    link = LocalLinks(tmp_path, MediaRoots({}))(file)
    assert said in link.missing
    assert not link.url


def test_a_fleets_file_is_linked_below_the_root_that_this_machine_mounts(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    file = ReportFile("a.mp4", b"main", b"a.mp4", 0, 0, {}, None, None)
    roots = MediaRoots({"main": str(tmp_path).encode()})
    assert LocalLinks(tmp_path, roots)(file).url == "a.mp4"


def test_a_blurred_thumbnail_keeps_no_detail() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    for blur, most in ((False, 255), (True, 60)):
        raw = thumbnail(Cutout(noise, (40.0, 40.0, 100.0, 120.0)), blur=blur)
        seen = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert seen is not None
        assert seen.shape == (SIDE_PX, SIDE_PX)
        edges = np.abs(np.diff(seen.astype(int), axis=1)).max()
        assert edges < most
        assert (edges > 60) is not blur


def test_a_report_without_anything_is_whole() -> None:
    empty = replace(a_report("name"), files=[], problems=[], groups={}, dominants={}, notes=())
    assert "no face found" in page.render(empty)
    assert "## What was asked" in text.render(empty)

"""The walk: every file once, in an order that never changes."""

import os
import socket
from pathlib import Path

import pytest

from jobs.discover import Discovery, Filters, Found, Passed, Refused, discover, revisit, show


def walked(*paths: Path, filters: Filters | None = None) -> list[Discovery]:
    return list(discover([os.fsencode(path) for path in paths], filters or Filters()))


def names(found: list[Discovery]) -> list[bytes]:
    return [one.relative for one in found if isinstance(one, Found)]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b.mp4", "a/z.jpg", "a/y.jpg", "A.png", ".hidden.jpg", ".git/x.jpg", "ü.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def test_files_come_depth_first_in_byte_order_without_hidden_ones(tree: Path) -> None:
    assert names(walked(tree)) == [b"A.png", b"a/y.jpg", b"a/z.jpg", b"b.mp4", "ü.jpg".encode()]


def test_a_file_that_is_named_and_lies_in_a_named_folder_comes_once(tree: Path) -> None:
    assert len(walked(tree, tree / "a", tree / "b.mp4", tree / "a" / "y.jpg")) == 5
    assert len(walked(tree / "a" / "y.jpg", tree)) == 5


def test_a_hidden_file_that_is_named_is_taken(tree: Path) -> None:
    assert names(walked(tree / ".hidden.jpg")) == [b".hidden.jpg"]


def test_globs_without_a_slash_hold_for_names_with_one_for_paths(tree: Path) -> None:
    assert names(walked(tree, filters=Filters(include=("*.jpg",)))) == [b"a/y.jpg", b"a/z.jpg", "ü.jpg".encode()]
    assert names(walked(tree, filters=Filters(exclude=("a/*",)))) == [b"A.png", b"b.mp4", "ü.jpg".encode()]
    assert names(walked(tree, filters=Filters(("*.jpg",), ("z*",)))) == [b"a/y.jpg", "ü.jpg".encode()]


def test_links_that_loop_end_and_links_that_lead_nowhere_are_said(tree: Path) -> None:
    (tree / "a" / "again").symlink_to(tree)
    (tree / "a" / "gone.jpg").symlink_to(tree / "nowhere")
    (tree / "self.jpg").symlink_to(tree / "self.jpg")
    found = walked(tree)
    assert len(names(found)) == 5
    refused = {one.relative: one.problem.code for one in found if isinstance(one, Refused)}
    assert refused == {b"a/gone.jpg": "path.not_found", b"self.jpg": "path.link_loop"}


def test_links_that_lead_out_are_refused_unless_they_are_named_or_all_are_trusted(tree: Path, tmp_path: Path) -> None:
    inside = tmp_path / "a"
    for name, target in {"out.mp4": "b.mp4", "folder": ".git", "in.jpg": "a/y.jpg", "A": "."}.items():
        (inside / name).symlink_to(tmp_path / target)
    refused = {one.relative: one.problem.code for one in walked(inside) if isinstance(one, Refused)}
    assert refused == dict.fromkeys((b"out.mp4", b"folder", b"A"), "path.link_outside")
    assert names(walked(inside)) == [b"in.jpg", b"y.jpg", b"z.jpg"]
    trusted = names(walked(inside, filters=Filters(follow_links=True)))
    assert {b"out.mp4", b"folder/x.jpg", b"A/b.mp4"} <= set(trusted)
    assert names(walked(inside / "out.mp4")) == [b"out.mp4"]
    assert names(walked(inside / "folder")) == [b"x.jpg"]
    assert b"out.mp4" in names(walked(inside, tmp_path / "b.mp4"))


def test_a_link_that_was_named_may_be_visited_again(tree: Path, tmp_path: Path) -> None:
    link, places = tree / "a" / "out.mp4", [(os.fsencode(tree / "a"), b"out.mp4")]
    link.symlink_to(tmp_path / "b.mp4")
    (again,) = revisit(places, [os.fsencode(link)], Filters())
    assert isinstance(again, Found)
    (again,) = revisit(places, [os.fsencode(tree / "a")], Filters())
    assert isinstance(again, Refused)


def test_what_is_no_regular_file_is_never_opened_and_is_a_problem_where_it_claims_to_be_media(tree: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tree / "socket.mp4"))
        for name in ("pipe.mp4", "pipe"):
            os.mkfifo(tree / name)
        found = walked(tree)
    refused = {one.relative: one.problem.code for one in found if isinstance(one, Refused)}
    assert refused == {b"pipe.mp4": "path.not_a_file", b"socket.mp4": "path.not_a_file"}
    assert sum(isinstance(one, Passed) for one in found) == 1


def test_names_that_are_not_text_are_walked_and_shown_escaped(tmp_path: Path) -> None:
    name = b"caf\xe9.jpg"
    descriptor = os.open(os.path.join(os.fsencode(tmp_path), name), os.O_CREAT | os.O_WRONLY)  # noqa: PTH118
    os.close(descriptor)
    assert names(walked(tmp_path)) == [name]
    assert show(name) == "caf\\xe9.jpg"


def test_a_path_that_does_not_exist_is_refused_and_the_next_is_walked(tree: Path) -> None:
    first, *rest = walked(tree / "nowhere", tree / "a")
    assert isinstance(first, Refused)
    assert first.problem.code == "path.not_found"
    assert names(rest) == [b"y.jpg", b"z.jpg"]

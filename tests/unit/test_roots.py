"""Media roots: names that every machine mounts where it likes, and nothing outside them is opened."""

import hashlib
import os
from pathlib import Path

import pytest

from db.records import ClaimedSegment, Fence, FileIdentity, Location, MediaFacts, Problem, SegmentSpec
from workers.errors import SettingsError
from workers.places import RootedPlaces
from workers.roots import MediaRoots, parse_roots

CONTENT = b"what was admitted"


def location(relative: bytes, root: bytes = b"main", size: int = len(CONTENT)) -> Location:
    return Location(root, relative, relative.decode(), size, 1)


def claim(*locations: Location) -> ClaimedSegment:
    return ClaimedSegment(
        fence=Fence(1, 1),
        media_analysis_id=1,
        spec=SegmentSpec(0),
        failures=0,
        media_id=1,
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size_bytes=len(CONTENT),
        facts=MediaFacts("photo", "jpeg", "jpeg", 1, 1),
        root=locations[0].root,
        relative=locations[0].relative,
        path=locations[0].path,
        mtime_ns=1,
        analysis_id=1,
        spec_json="{}",
        locations=locations,
    )


@pytest.fixture
def mounted(tmp_path: Path) -> MediaRoots:
    (tmp_path / "mnt" / "sub").mkdir(parents=True)
    (tmp_path / "mnt" / "sub" / "a.jpg").write_bytes(CONTENT)
    (tmp_path / "secret.jpg").write_bytes(CONTENT)
    return parse_roots(f"main={tmp_path / 'mnt'}, inner={tmp_path / 'mnt' / 'sub'}")


def test_a_path_is_named_by_the_innermost_root_that_holds_it(mounted: MediaRoots, tmp_path: Path) -> None:
    assert mounted.named(os.fsencode(tmp_path / "mnt" / "sub" / "a.jpg")) == (b"inner", b"a.jpg")
    assert mounted.named(os.fsencode(tmp_path / "mnt" / "b.jpg")) == (b"main", b"b.jpg")
    with pytest.raises(SettingsError, match="lies in no media root") as refused:
        mounted.named(os.fsencode(tmp_path / "mnt2" / "b.jpg"))
    assert "MOODREEL_MEDIA_ROOTS" in refused.value.hint


def test_a_file_is_found_below_its_root_and_named_again_the_same(mounted: MediaRoots) -> None:
    found = mounted.locate(location(b"sub/a.jpg"))
    assert isinstance(found, bytes)
    assert mounted.named(found) == (b"inner", b"a.jpg")


@pytest.mark.parametrize("relative", [b"../secret.jpg", b"sub/../../secret.jpg", b"link.jpg", b"/etc/passwd"])
def test_nothing_outside_a_root_is_opened(relative: bytes, mounted: MediaRoots, tmp_path: Path) -> None:
    (tmp_path / "mnt" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    found = mounted.locate(location(relative))
    assert isinstance(found, Problem)
    assert found.code == "path.outside_root"


def test_a_root_that_this_machine_does_not_mount_is_a_problem_with_a_hint(mounted: MediaRoots) -> None:
    found = mounted.locate(location(b"a.jpg", root=b"archive"))
    assert isinstance(found, Problem)
    assert (found.code, "MOODREEL_MEDIA_ROOTS" in found.hint) == ("path.unknown_root", True)


@pytest.mark.parametrize("text", ["main", "=/x", "main=relative", "a/b=/x", "main=/x,main=/y"])
def test_what_is_no_root_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        parse_roots(text)


def test_no_roots_at_all_hold_nothing() -> None:
    with pytest.raises(SettingsError, match="none is set"):
        parse_roots("").named(b"/x")


def test_a_files_content_is_proven_before_it_is_trusted_and_again_when_it_changes(
    mounted: MediaRoots, tmp_path: Path
) -> None:
    places = RootedPlaces(mounted)
    wanted = claim(location(b"sub/a.jpg"))
    assert isinstance(places.find(wanted), FileIdentity)
    changed = bytearray(CONTENT)
    changed[0] ^= 1
    (tmp_path / "mnt" / "sub" / "a.jpg").write_bytes(changed)
    found = places.find(wanted)
    assert isinstance(found, Problem)
    assert found.code == "media.changed"


def test_another_place_with_the_same_content_stands_in(mounted: MediaRoots) -> None:
    found = RootedPlaces(mounted).find(claim(location(b"gone.jpg"), location(b"a.jpg", root=b"inner")))
    assert isinstance(found, FileIdentity)
    assert found.path.endswith(b"/sub/a.jpg")

"""Media roots: names that every machine mounts where it likes, and nothing outside them is opened."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from db.records import ClaimedSegment, Fence, FileIdentity, Location, MediaFacts, Problem, SegmentSpec
from workers.errors import MachineFault, SettingsError
from workers.mounts import LOOK_EVERY_S, Mounts
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
        job_id="1",
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
    places = RootedPlaces(mounted, Mounts(mounted))
    wanted = claim(location(b"sub/a.jpg"))
    assert isinstance(places.find(wanted), FileIdentity)
    changed = bytearray(CONTENT)
    changed[0] ^= 1
    (tmp_path / "mnt" / "sub" / "a.jpg").write_bytes(changed)
    found = places.find(wanted)
    assert isinstance(found, Problem)
    assert found.code == "media.changed"


def test_another_place_with_the_same_content_stands_in(mounted: MediaRoots) -> None:
    found = RootedPlaces(mounted, Mounts(mounted)).find(claim(location(b"gone.jpg"), location(b"a.jpg", root=b"inner")))
    assert isinstance(found, FileIdentity)
    assert found.path.endswith(b"/sub/a.jpg")


def test_a_file_that_is_gone_below_a_living_root_may_yet_come(mounted: MediaRoots) -> None:
    found = RootedPlaces(mounted, Mounts(mounted)).find(claim(location(b"gone.jpg")))
    assert isinstance(found, Problem)
    assert (found.code, found.permanent) == ("media.vanished", False)


@pytest.mark.parametrize(("remains", "why"), [(False, "no such folder"), (True, "the folder is empty")])
def test_a_root_that_is_not_mounted_is_the_machines_fault_and_no_files(
    remains: bool, why: str, mounted: MediaRoots, tmp_path: Path
) -> None:
    mounts = Mounts(mounted)
    places = RootedPlaces(mounted, mounts)
    assert mounts.present() == ("main", "inner")
    shutil.move(tmp_path / "mnt", tmp_path / "elsewhere")
    if remains:
        (tmp_path / "mnt").mkdir()
    with pytest.raises(MachineFault, match=f"media root main is not mounted at .*: .*{why}"):
        places.find(claim(location(b"sub/a.jpg")))
    with pytest.raises(MachineFault, match=r"media root main .*media root inner"):
        mounts.present()
    assert mounts.names() == ()
    with pytest.raises(MachineFault, match="media root inner"):
        places.find(claim(location(b"a.jpg", root=b"archive"), location(b"a.jpg", root=b"inner")))
    shutil.rmtree(tmp_path / "mnt", ignore_errors=True)
    shutil.move(tmp_path / "elsewhere", tmp_path / "mnt")
    assert isinstance(places.find(claim(location(b"sub/a.jpg"))), FileIdentity)


def test_a_machine_works_below_the_roots_that_it_has_and_says_which_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    (tmp_path / "empty").mkdir()
    roots = parse_roots(f"full={tmp_path / 'full'},empty={tmp_path / 'empty'},gone={tmp_path / 'gone'}")
    clock = [0.0]
    mounts = Mounts(roots, lambda: clock[0])
    assert mounts.names() == ("full", "empty", "gone")  # nobody has looked
    assert mounts.present() == mounts.names() == ("full",)
    assert [lack.partition(" is not")[0] for lack in mounts.lacks()] == ["media root empty", "media root gone"]
    (tmp_path / "empty" / "file").touch()
    assert mounts.present() == ("full",)
    clock[0] += LOOK_EVERY_S
    assert mounts.present() == ("full", "empty")

"""Claims whose files lie in an object store: fetched, held, proven by their hash, and never from outside a root."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.records import ClaimedSegment, Fence, FileIdentity, Location, MediaFacts, Problem, SegmentSpec
from tests.support.objectstore import BUCKET, ObjectStore
from workers.cache import CacheDiskFull
from workers.errors import SettingsError
from workers.mounts import Mounts
from workers.places import Coming, NamedPlaces, Places, RootedPlaces
from workers.roots import parse_roots
from workers.staging import Staging

CONTENT = b"what was admitted"
URL = f"s3://{BUCKET}/study"
CLOUD = f"cloud={URL}"


def claim(*places: tuple[bytes, bytes], content: bytes = CONTENT, segment: int = 1) -> ClaimedSegment:
    found = tuple(Location(root, relative, relative.decode(), len(content), 1) for root, relative in places)
    first = found[0]
    return ClaimedSegment(
        fence=Fence(segment, 1),
        media_analysis_id=1,
        spec=SegmentSpec(0),
        failures=0,
        media_id=1,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        facts=MediaFacts("photo", "jpeg", "jpeg", 1, 1),
        root=first.root,
        relative=first.relative,
        path=first.path,
        mtime_ns=1,
        analysis_id=1,
        spec_json="{}",
        job_id="1",
        locations=found,
    )


@pytest.fixture
def staging(objects: ObjectStore, tmp_path: Path) -> Iterator[Staging]:
    with Staging(tmp_path / "cache", 1000) as one:
        yield one


def rooted(text: str, staging: Staging) -> RootedPlaces:
    roots = parse_roots(text)
    return RootedPlaces(roots, Mounts(roots), staging)


def find(places: Places, wanted: ClaimedSegment) -> FileIdentity | Problem:
    until = time.monotonic() + 60
    while isinstance(found := places.find(wanted), Coming):
        assert time.monotonic() < until
        time.sleep(0.01)
    return found


def code(found: FileIdentity | Problem) -> str:
    return found.code if isinstance(found, Problem) else "found"


def test_one_worker_reads_the_store_and_another_a_mount_of_the_same_root(
    objects: ObjectStore, staging: Staging, tmp_path: Path
) -> None:
    objects.put("study/day 1/a.jpg", CONTENT)
    (tmp_path / "mnt" / "day 1").mkdir(parents=True)
    (tmp_path / "mnt" / "day 1" / "a.jpg").write_bytes(CONTENT)
    wanted = claim((b"cloud", b"day 1/a.jpg"))
    there = find(rooted(CLOUD, staging), wanted)
    here = find(rooted(f"cloud={tmp_path / 'mnt'}", staging), wanted)
    assert isinstance(there, FileIdentity)
    assert isinstance(here, FileIdentity)
    assert Path(there.path.decode()).read_bytes() == Path(here.path.decode()).read_bytes() == CONTENT
    assert there.path.startswith(str(tmp_path / "cache").encode())
    assert objects.reads() == {"study/day 1/a.jpg": 1}


def test_a_submitter_names_objects_by_the_innermost_root_that_holds_them() -> None:
    roots = parse_roots(f"all=s3://{BUCKET}, {CLOUD}")
    assert roots.named(f"{URL}/day 1/a.jpg".encode()) == (b"cloud", b"day 1/a.jpg")
    assert roots.named(f"s3://{BUCKET}/study2/a.jpg".encode()) == (b"all", b"study2/a.jpg")
    with pytest.raises(SettingsError, match="no media root"):
        roots.named(b"s3://others/study/a.jpg")
    for wrong in ("cloud=file:///etc", "cloud=zip::s3://a/b", "cloud=s3://A:B@a", "cloud=gs://a"):
        with pytest.raises(SettingsError):
            parse_roots(wrong)


@pytest.mark.parametrize(
    "relative", [b"../secret.jpg", b"a/../../secret.jpg", b"/secret.jpg", b"a//b.jpg", b"\xff.jpg"]
)
def test_nothing_outside_the_prefix_is_opened(relative: bytes, objects: ObjectStore, staging: Staging) -> None:
    objects.put("secret.jpg", CONTENT)
    location = Location(b"cloud", relative, "x", len(CONTENT), 1)
    assert code(parse_roots(CLOUD).locate(location)) == "path.outside_root"  # type: ignore[arg-type]
    wanted = claim((b"cloud", b"%2e%2e/secret.jpg"))
    assert code(find(rooted(CLOUD, staging), wanted)) == "remote.not_found"
    assert not objects.reads()


def test_the_content_decides_whatever_its_name(objects: ObjectStore, staging: Staging) -> None:
    objects.put("study/a.jpg", CONTENT[::-1])
    places = NamedPlaces(staging)
    assert code(find(places, claim((URL.encode(), b"a.jpg")))) == "media.changed"
    objects.put("study/moved.jpg", CONTENT)
    both = claim((URL.encode(), b"a.jpg"), (URL.encode(), b"moved.jpg"), segment=2)
    assert code(find(places, both)) == "found"


def test_what_may_pass_is_not_for_good(objects: ObjectStore, staging: Staging) -> None:
    objects.put("study/a.jpg", CONTENT)
    objects.refused["study/a.jpg"] = ("500 BROKEN", "InternalError")
    places = NamedPlaces(staging)
    wanted = claim((URL.encode(), b"gone.jpg"), (URL.encode(), b"a.jpg"))
    found = find(places, wanted)
    assert isinstance(found, Problem)
    assert (found.code, found.permanent) == ("remote.unreachable", False)
    objects.refused.clear()
    places.release([wanted.fence])
    assert code(find(places, wanted)) == "found"


def test_a_file_stays_until_its_claim_is_released(objects: ObjectStore, staging: Staging) -> None:
    contents = [bytes([number]) * 600 for number in range(2)]
    for number, content in enumerate(contents):
        objects.put(f"study/{number}.jpg", content)
    places = NamedPlaces(staging)
    first, second = (claim((URL.encode(), b"%d.jpg" % n), content=contents[n], segment=n) for n in range(2))
    assert code(find(places, first)) == "found"
    assert isinstance(places.find(second), Coming)
    time.sleep(0.5)
    assert isinstance(places.find(second), Coming), "there is no room while the first is in use"
    places.release([first.fence])
    assert code(find(places, second)) == "found"


def test_a_machine_that_cannot_stage_says_so_and_blames_no_file(objects: ObjectStore, tmp_path: Path) -> None:
    objects.put("study/a.jpg", CONTENT)
    (tmp_path / "file").write_text("")
    with Staging(tmp_path / "file" / "cache", 1000) as broken:
        wanted = claim((URL.encode(), b"a.jpg"))
        with pytest.raises(Exception, match="MOODREEL_CACHE") as fault:
            find(NamedPlaces(broken), wanted)
    assert not isinstance(fault.value, CacheDiskFull)

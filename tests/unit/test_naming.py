"""Files of a fleet are stored below named roots, shown as they were walked, and found again under the same name."""

from pathlib import Path

import pytest

from db.records import FilePlace
from jobs.naming import NamedAsWalked, NamedByRoots
from workers.errors import SettingsError
from workers.roots import MediaRoots


@pytest.fixture
def media(tmp_path: Path) -> Path:
    (tmp_path / "media" / "study" / "p01").mkdir(parents=True)
    (tmp_path / "media" / "study" / "p01" / "a.mp4").write_bytes(b"a")
    return tmp_path / "media"


@pytest.fixture
def naming(media: Path) -> NamedByRoots:
    return NamedByRoots(MediaRoots({"main": bytes(media.resolve())}))


def test_a_file_is_stored_below_its_root_whatever_folder_was_named(naming: NamedByRoots, media: Path) -> None:
    assert naming.stored(bytes(media), b"study/p01/a.mp4") == (b"main", b"study/p01/a.mp4")
    assert naming.stored(bytes(media / "study"), b"p01/a.mp4") == (b"main", b"study/p01/a.mp4")
    assert naming.stored(bytes(media / "study"), b"") == (b"main", b"study")
    assert naming.stored(bytes(media), b"") == (b"main", b"")


def test_a_folder_named_by_a_link_is_stored_as_where_it_lies(naming: NamedByRoots, media: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(media / "study")
    assert naming.stored(bytes(tmp_path / "link"), b"p01/a.mp4") == (b"main", b"study/p01/a.mp4")


def test_a_path_outside_every_root_cannot_be_submitted(naming: NamedByRoots, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no media root"):
        naming.stored(bytes(tmp_path), b"")


def test_a_link_that_leads_out_of_its_root_is_refused(naming: NamedByRoots, media: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.mp4").write_bytes(b"s")
    (media / "out.mp4").symlink_to(tmp_path / "secret.mp4")
    (media / "in.mp4").symlink_to(media / "study" / "p01" / "a.mp4")
    refusal = naming.refusal(bytes(media), b"out.mp4")
    assert refusal is not None
    assert refusal.code == "path.outside_root"
    assert naming.refusal(bytes(media), b"in.mp4") is None


@pytest.mark.parametrize(
    ("walked", "relative", "shown"),
    [("study", b"p01/a.mp4", "p01/a.mp4"), ("", b"study/p01/a.mp4", "study/p01/a.mp4"), ("study", b"", "/x/study")],
)
def test_a_stored_file_is_walked_again_under_the_name_it_was_shown_by(
    naming: NamedByRoots, media: Path, walked: str, relative: bytes, shown: str
) -> None:
    root = bytes(media / walked)
    place = FilePlace(*naming.stored(root, relative), shown)
    assert naming.walked(place) == (root, relative)


def test_an_embedded_run_stores_what_it_walked() -> None:
    naming = NamedAsWalked()
    assert naming.stored(b"/data", b"a.mp4") == (b"/data", b"a.mp4")
    assert naming.refusal(b"/data", b"a.mp4") is None
    assert naming.walked(FilePlace(b"/data", b"a.mp4", "a.mp4")) == (b"/data", b"a.mp4")

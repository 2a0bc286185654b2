"""What a person means to be forgotten: a place, a path as it is shown, a content, a job; and never somebody else's."""

import os
from dataclasses import replace

import pytest

from db.errors import Ambiguous, NotFound
from db.store import Store
from tests.contract.test_forget import forget, two_jobs
from tests.support.dbmaking import admit, photo, rows, start


@pytest.mark.parametrize("reference", ["/data/q/../p/shared.mp4", "//data/./p//shared.mp4/", "q/../p/shared.mp4"])
def test_a_path_may_go_up_and_down_again(store: Store, reference: str) -> None:
    two_jobs(store)
    assert forget(store, reference).media == 1


@pytest.mark.parametrize("reference", ["ad1.jpg", "./ad1.jpg", "sub"])
def test_a_shown_path_that_fits_several_folders_is_refused_and_each_is_named(store: Store, reference: str) -> None:
    job = start(store)
    for folder in ("p01", "p02"):
        names = ("ad1.jpg", "sub/b.jpg")
        admit(store, job, *(photo(name, content=folder + name, root=f"/data/{folder}".encode()) for name in names))
    with pytest.raises(Ambiguous) as caught:
        store.forgetting.find(reference)
    shown = reference.removeprefix("./")
    assert f"/data/p01/{shown}, /data/p02/{shown}" in str(caught.value)
    assert "in full" in caught.value.hint
    forget(store, f"/data/p02/{shown}")
    assert forget(store, reference).files == 1  # one place is left
    assert rows(store, "SELECT count(*) FROM job_file") == [(2,)]


def test_a_shown_path_of_one_folder_in_several_jobs_is_one_place(store: Store) -> None:
    for number in (1, 2):
        admit(store, start(store, number), photo("ad1.jpg"))
    assert forget(store, "ad1.jpg").files == 2


def test_a_file_that_was_named_itself_is_found_by_its_folder_and_by_its_shown_path(store: Store) -> None:
    raw = (b"/data/p/\xff.jpg", b"/data/p/b.jpg")
    files = [photo(os.fsdecode(path).encode("utf-8", "backslashreplace").decode(), root=path) for path in raw]
    admit(store, start(store), *(replace(file, relative=b"") for file in files))
    assert store.forgetting.find(r"/data/p/\udcff.jpg").what.startswith("file /data/p/")
    folder = store.forgetting.find("/data/p")
    assert folder.what == "everything below /data/p"
    assert store.forgetting.preview(folder).files == 2


def test_what_is_meant_is_named_and_files_elsewhere_are_counted(store: Store) -> None:
    two_jobs(store)
    assert store.forgetting.find("p/mine.jpg").what == "file /data/p/mine.jpg"
    assert store.forgetting.find("/data/p/").what == store.forgetting.find("p").what == "everything below /data/p"
    gone = forget(store, "p")
    assert (gone.files, gone.elsewhere) == (4, 1)  # renamed.mp4 holds what p/shared.mp4 holds


def test_a_place_is_told_from_a_name(store: Store) -> None:
    two_jobs(store)
    assert store.forgetting.at("/data/shared.mp4") is None
    assert store.forgetting.at("p/shared.mp4") is None
    with pytest.raises(NotFound):
        store.forgetting.find("p/shared.mp4", shown=False)


@pytest.mark.parametrize("reference", ["nothing.mp4", "0" * 64, "999", "", "/other", "p/share"])
def test_what_is_not_here_says_so(store: Store, reference: str) -> None:
    two_jobs(store)
    with pytest.raises(NotFound) as caught:
        store.forgetting.find(reference)
    assert caught.value.hint


def test_a_number_that_fits_a_recording_and_a_job_is_refused(store: Store) -> None:
    job = start(store, 1, name="1")
    admit(store, job, photo("a.jpg"))
    ((number,),) = rows(store, "SELECT id FROM media")
    other = start(store, 2, name=str(number))
    with pytest.raises(Ambiguous, match=r"media .* and job"):
        store.forgetting.find(other.name or "")

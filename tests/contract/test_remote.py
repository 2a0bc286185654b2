"""Object stores, against a real server that speaks S3: what lies there, in one order, and what goes wrong in words."""

import importlib.util
import logging
from collections.abc import Iterator

import pytest

from tests.support.objectstore import BUCKET, ObjectStore
from workers.cache import MediaCache, Staged, Wanted
from workers.errors import SettingsError
from workers.remote import READ_BYTES, Remote, RemoteError, RemoteFolder, RemoteObject, RemoteOddity, require_package

FILMS = f"s3://{BUCKET}".encode()


@pytest.fixture
def remote(objects: ObjectStore) -> Iterator[Remote]:
    one = Remote()
    yield one
    one.close()


def look(remote: Remote, key: bytes) -> RemoteObject:
    found = remote.look(FILMS + b"/" + key)
    assert isinstance(found, RemoteObject)
    return found


def content(remote: Remote, wanted: RemoteObject) -> Iterator[bytes]:
    return remote.read(wanted.url, lambda now: now.is_still(wanted.identity))


def names(remote: Remote, folder: bytes = FILMS) -> list[bytes]:
    return [entry.url.removeprefix(folder + b"/") for entry in remote.inside(folder)]


def code_of(remote: Remote, url: bytes) -> str:
    with pytest.raises(RemoteError) as caught:
        remote.look(url)
    assert caught.value.problem.hint
    return caught.value.problem.code


def test_what_lies_in_a_folder_comes_in_byte_order_and_its_marker_is_not_in_it(
    objects: ObjectStore, remote: Remote
) -> None:
    for key in ("b.jpg", "B.jpg", "day/", "day/2.mp4", "day/1.mp4", "day-1.jpg", "ä.jpg"):
        objects.put(key, b"x")
    assert names(remote) == [b"B.jpg", b"b.jpg", b"day", b"day-1.jpg", "ä.jpg".encode()]
    assert names(remote, FILMS + b"/day") == [b"1.mp4", b"2.mp4"]
    assert isinstance(remote.look(FILMS + b"/day"), RemoteFolder)
    assert isinstance(remote.look(FILMS), RemoteFolder)


def test_a_long_folder_is_listed_to_its_end(
    objects: ObjectStore, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "5")
    for number in range(12):
        objects.put(f"{number:02}.jpg", b"")
    assert names(remote) == [b"%02d.jpg" % number for number in range(12)]
    listings = [query for method, _, query in objects.asked if method == "GET" and "list-type" in query]
    assert len(listings) == 3


def test_names_are_taken_literally(objects: ObjectStore, remote: Remote) -> None:
    for key in ("a%2e%2e", "a b+c&d?e#f*[g].jpg", "..%2fx"):
        objects.put(key, key.encode())
    for entry in remote.inside(FILMS):
        assert isinstance(entry, RemoteObject)
        assert b"".join(content(remote, entry)) == entry.url.removeprefix(FILMS + b"/")


def test_keys_that_would_mean_something_else_as_paths_are_never_opened(objects: ObjectStore, remote: Remote) -> None:
    for key in ("x/../secret.jpg", "y//a.jpg", "z/a?versionId=1"):
        objects.put(key, b"secret")
    for folder in (b"/x", b"/y", b"/z"):
        (entry,) = remote.inside(FILMS + folder)
        assert isinstance(entry, RemoteOddity)
        assert entry.problem.code == "remote.odd_name"
    assert not objects.reads()


def test_a_changed_object_has_another_identity_and_the_same_one_keeps_it(objects: ObjectStore, remote: Remote) -> None:
    objects.put("a.jpg", b"one")
    before = look(remote, b"a.jpg")
    assert look(remote, b"a.jpg").identity == before.identity
    assert remote.inside(FILMS) == [before]
    objects.put("a.jpg", b"two")
    assert look(remote, b"a.jpg").identity != before.identity
    with pytest.raises(RemoteError) as caught:
        list(content(remote, before))
    assert caught.value.problem.code == "media.changed"


def test_an_object_is_read_in_pieces_and_one_that_changes_meanwhile_is_noticed(
    objects: ObjectStore, remote: Remote
) -> None:
    film = bytes(range(256)) * (READ_BYTES // 256) + b"the rest"
    objects.put("film.mp4", film)
    wanted = look(remote, b"film.mp4")
    pieces = list(content(remote, wanted))
    assert [len(piece) for piece in pieces] == [READ_BYTES, 8]
    assert b"".join(pieces) == film
    reading = content(remote, wanted)
    next(reading)
    objects.put("film.mp4", film[::-1])
    with pytest.raises(RemoteError) as caught:
        list(reading)
    assert caught.value.problem.code == "media.changed"


def test_what_is_missing_denied_or_refused_is_said_in_words(objects: ObjectStore, remote: Remote) -> None:
    objects.put("a.jpg", b"x")
    objects.deny("a.jpg")
    assert code_of(remote, FILMS + b"/b.jpg") == "remote.not_found"
    assert code_of(remote, b"s3://no-such-bucket/b.jpg") == "remote.not_found"
    assert code_of(remote, FILMS + b"/a.jpg") == "remote.denied"
    objects.refused["a.jpg"] = ("400 BAD", "InvalidRequest")
    assert code_of(remote, FILMS + b"/a.jpg") == "remote.refused"


def test_a_denied_read_of_a_listed_object_is_a_problem_of_the_object(objects: ObjectStore, remote: Remote) -> None:
    objects.put("a.jpg", b"x")
    wanted = look(remote, b"a.jpg")
    objects.deny("a.jpg")
    with pytest.raises(RemoteError) as caught:
        list(content(remote, wanted))
    assert caught.value.problem.code == "remote.denied"


def test_a_server_that_is_down_may_come_back(objects: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://anna:hunter2@127.0.0.1:1")
    remote = Remote()
    with pytest.raises(RemoteError) as caught:
        remote.look(FILMS + b"/a.jpg")
    remote.close()
    assert (caught.value.problem.code, caught.value.problem.permanent) == ("remote.unreachable", False)
    assert "hunter2" not in caught.value.problem.reason


def test_without_credentials_it_says_where_they_come_from(
    objects: ObjectStore, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    remote = Remote()
    with pytest.raises(RemoteError) as caught:
        remote.look(FILMS + b"/a.jpg")
    remote.close()
    assert caught.value.problem.code == "remote.denied"
    assert "AWS_ACCESS_KEY_ID" in caught.value.problem.hint


def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    require_package(FILMS)
    assert importlib.util.find_spec("gcsfs") is None, "this test needs a package that is not installed"
    with pytest.raises(SettingsError, match="gcsfs") as refused:
        require_package(b"gs://films")
    assert refused.value.hint == "pip install gcsfs"
    with pytest.raises(RemoteError) as caught:
        Remote().look(b"gs://films")
    assert caught.value.problem.code == "remote.package_missing"


def test_no_secret_is_logged(objects: ObjectStore, remote: Remote, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    objects.put("a.jpg", b"x")
    list(content(remote, look(remote, b"a.jpg")))
    assert objects.environment["AWS_SECRET_ACCESS_KEY"] not in caplog.text


def test_an_object_is_staged_once_whatever_its_name(
    objects: ObjectStore, remote: Remote, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache = MediaCache(tmp_path_factory.mktemp("cache"), 1 << 20)
    for key in ("a.jpg", "copy.jpg"):
        objects.put(key, b"the same")
    first = look(remote, b"a.jpg")
    staged = cache.stage(Wanted(b"a.jpg", first.size, lambda: content(remote, first)))
    assert isinstance(staged, Staged)
    copy = look(remote, b"copy.jpg")
    again = cache.stage(Wanted(b"copy.jpg", copy.size, lambda: content(remote, copy), staged.sha256))
    assert isinstance(again, Staged)
    assert again.identity == staged.identity
    assert objects.reads() == {"a.jpg": 1}
    staged.release()
    again.release()

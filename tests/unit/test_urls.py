"""Which URLs may name media: object stores only, never this machine's files, never with a password."""

import pytest

from db.claims import URL_STARTS
from workers.errors import SettingsError
from workers.urls import PROTOCOLS, check_url, is_url, join_url, split_url


@pytest.mark.parametrize("path", [b"s3://b/k", b"S3://b", b"zip::s3://b/k", b"file:///etc", b"nothing://x"])
def test_what_begins_with_a_protocol_is_meant_as_a_url(path: bytes) -> None:
    assert is_url(path)


@pytest.mark.parametrize("path", [b"/a/s3://b", b"./s3://b", b"a::b.jpg", b"s3:/b", b"://b", b"\xff://b"])
def test_everything_else_is_a_path(path: bytes) -> None:
    assert not is_url(path)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (b"s3://films", b"s3://films"),
        (b"S3://films/", b"s3://films"),
        (b"s3://films/day 1//", b"s3://films/day 1"),
        ("gs://films/tag ä+%2e.jpg".encode(), "gs://films/tag ä+%2e.jpg".encode()),
    ],
)
def test_a_url_has_one_form(given: bytes, stored: bytes) -> None:
    assert check_url(given) == stored
    assert check_url(stored) == stored


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (b"simplecache::s3://films/a", "chain"),
        (b"zip://a.mp4::s3://films/a.zip", "no place"),
        (b"file:///etc/passwd", "this machine"),
        (b"local:///etc/passwd", "this machine"),
        (b"memory://a", "no place"),
        (b"http://127.0.0.1/a.jpg", "no place"),
        (b"s3:///a.jpg", "no bucket"),
        (b"s3://../a.jpg", "no bucket"),
        (b"s3://films/../other/a.jpg", "empty part"),
        (b"s3://films//a.jpg", "empty part"),
        (b"s3://films/a/./b.jpg", "empty part"),
        (b"s3://films/a.jpg?versionId=1", "empty part"),
        (b"s3://films/\xff.jpg", "UTF-8"),
    ],
)
def test_what_reaches_elsewhere_is_refused_with_a_hint(url: bytes, why: str) -> None:
    with pytest.raises(SettingsError, match=why) as refused:
        check_url(url)
    assert refused.value.hint


def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError, match="password") as refused:
        check_url(b"s3://AKIAX:hunter2@films/a.jpg")
    assert "hunter2" not in str(refused.value) + refused.value.hint


def test_urls_are_put_together_and_taken_apart() -> None:
    assert join_url(b"s3://films/a", b"b/c.jpg") == b"s3://films/a/b/c.jpg"
    assert join_url(b"s3://films/a", b"") == b"s3://films/a"
    assert split_url(b"s3://films/a/c.jpg") == (b"s3://films/a", b"c.jpg")
    assert split_url(b"s3://films/c.jpg") == (b"s3://films", b"c.jpg")
    assert split_url(b"s3://films") == (b"s3://films", b"")


def test_the_database_tells_urls_from_the_names_of_media_roots() -> None:
    assert set(URL_STARTS) == {name.encode() + b"://" for name in PROTOCOLS}

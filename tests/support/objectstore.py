"""A real server on this machine that speaks S3 (moto's), which counts what it is asked and refuses what a test says."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any
from urllib.parse import unquote
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

BUCKET = "films"
REGION = "us-east-1"
_REFUSAL = b"<?xml version='1.0'?><Error><Code>%s</Code><Message>so the test wants it</Message></Error>"


@dataclass
class ObjectStore:
    """The server, and what it has seen. A key is what follows the bucket."""

    port: int
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and query of every request."""
    refused: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Status line and code by which any request for a key is refused."""
    before_read: Callable[[str], None] | None = None
    """Called with the key before a read of it is answered."""
    _client: Any = None

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to be told."""
        return {
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "something",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }

    def put(self, key: str, content: bytes) -> None:
        """Store an object, or replace it."""
        self._s3().put_object(Bucket=BUCKET, Key=key, Body=content)

    def delete(self, key: str) -> None:
        """Remove an object."""
        self._s3().delete_object(Bucket=BUCKET, Key=key)

    def reads(self) -> Counter[str]:
        """How often the content of each key was asked for."""
        prefix = f"/{BUCKET}/"
        paths = [unquote(path) for method, path, _ in self.asked if method == "GET"]
        return Counter(path.removeprefix(prefix) for path in paths if path.startswith(prefix) and path != prefix)

    def deny(self, key: str) -> None:
        """Answer any request for a key as to somebody without rights."""
        self.refused[key] = ("403 FORBIDDEN", "AccessDenied")

    def _s3(self) -> Any:
        if self._client is None:
            import boto3

            self._client = boto3.client(
                "s3",
                endpoint_url=self.environment["AWS_ENDPOINT_URL_S3"],
                aws_access_key_id="owner",
                aws_secret_access_key="owner",  # noqa: S106  the server takes any
                region_name=REGION,
            )
            self._client.create_bucket(Bucket=BUCKET)
        return self._client

    def close(self) -> None:
        """Let go of the client's connections."""
        if self._client is not None:
            self._client.close()


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """A server with one empty bucket."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Silent(WSGIRequestHandler):
        def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002  the name it has there
            """Say nothing."""

    inner = DomainDispatcherApplication(create_backend_app)
    store = ObjectStore(0)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        key = unquote(environ["PATH_INFO"]).removeprefix(f"/{BUCKET}/")
        if environ.get("HTTP_AUTHORIZATION", "").find("Credential=owner") < 0:
            store.asked.append((environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"]))
            if key in store.refused:
                status, code = store.refused[key]
                start_response(status, [("Content-Type", "application/xml")])
                return [] if environ["REQUEST_METHOD"] == "HEAD" else [_REFUSAL % code.encode()]
            if environ["REQUEST_METHOD"] == "GET" and store.before_read is not None:
                store.before_read(key)
        return inner(environ, start_response)

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Silent)
    store.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="object store")
    thread.start()
    try:
        _forget_everything(store.port)
        store._s3()
        yield store
    finally:
        store.close()
        server.shutdown()
        thread.join()
        server.server_close()


def _forget_everything(port: int) -> None:
    """What earlier servers of this process stored: moto keeps it in the process."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/moto-api/reset", headers={"Authorization": "Credential=owner"})
    connection.getresponse().read()
    connection.close()


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """An S3 server that this process's environment points at."""
    with object_store() as store:
        for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        for name, value in store.environment.items():
            monkeypatch.setenv(name, value)
        yield store

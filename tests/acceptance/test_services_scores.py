"""What services say ends in the database as they said it, whichever service it is and however it is asked."""

import hashlib
import json
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from db.emotions import EMOTIONS
from tests.acceptance.runs import Ended, moodreel, rows, sql
from tests.acceptance.services import asked, client
from tests.acceptance.test_serve import serve
from tests.services.azure import AzureRules, AzureStandIn
from tests.services.ferplus import FerPlusRules, FerPlusStandIn
from tests.services.pairs import CANARY
from tests.services.rekognition import RekognitionRules, RekognitionStandIn
from tests.services.transport import Request, Response
from tests.support.programs import Programs

FACES = 13
SCORES = f"SELECT {', '.join(EMOTIONS)} FROM emotions ORDER BY path, pts, face"
BOXES = "SELECT path, pts, box_x + box_width / 2, box_y, box_height FROM emotions ORDER BY path, pts"
NEAR_PX = 6.0
LOSSES = 0.15
"""What JPEG and another place in a picture may change of a probability."""

needs_boto3 = pytest.mark.skipif(find_spec("boto3") is None, reason="boto3 is not installed")


class Remembering(AzureStandIn):
    """Keeps the emotions of every answer."""

    said: list[tuple[float, ...]]

    def serve(self, request: Request) -> Response:
        response = super().serve(request)
        faces: list[dict[str, Any]] = json.loads(response.body) if response.billed else []
        self.said += [tuple(face["faceAttributes"]["emotion"][name] for name in EMOTIONS) for face in faces]
        return response


@pytest.fixture(scope="module")
def media(twelve: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve faces upright, and one in a photo that is stored lying on its side."""
    folder = tmp_path_factory.mktemp("media")
    for file in twelve.iterdir():
        (folder / file.name).hardlink_to(file)
    with Image.open(twelve / "3.jpg") as upright:
        exif = upright.getexif()
        exif[0x0112] = 6  # to be turned right by a quarter
        upright.rotate(90, expand=True).save(folder / "turned.jpg", quality=95, exif=exif)
    return folder


@pytest.fixture(scope="module")
def local(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a run that scores here."""
    cwd = tmp_path_factory.mktemp("local")
    return finished(moodreel(*asked(media, "ferplus"), cwd=cwd), cwd)


def finished(ended: Ended, cwd: Path) -> Path:
    assert ended.code == 0, ended.err
    return cwd / "moodreel.db"


def scores(database: Path) -> NDArray[np.float64]:
    """[faces, 8]"""
    found = np.array(sql(database, SCORES), np.float64)
    assert found.shape == (FACES, 8)
    assert np.allclose(found.sum(axis=1), 1)
    return found


def agrees(database: Path, local: Path, most: float) -> None:
    """Assert that the same faces were found, with nearly the same scores."""
    ours, theirs = scores(local), scores(database)
    assert sql(database, BOXES) == sql(local, BOXES)
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).all()
    assert np.abs(ours - theirs).max() <= most


def test_a_face_that_goes_alone_has_the_very_scores_of_the_answer(media: Path, local: Path, tmp_path: Path) -> None:
    with Remembering(AzureRules(keys=(CANARY,))) as server:
        server.said = []
        settings = {"MOODREEL_AZURE_ENDPOINT": server.url, "MOODREEL_AZURE_KEY": CANARY}
        database = finished(moodreel(*asked(media, "azure", "--pack", "1"), cwd=tmp_path, **settings), tmp_path)
        said = np.array(server.said)
    assert server.book.calls == FACES
    said /= said.sum(axis=1, keepdims=True)
    assert np.allclose(sorted(map(tuple, said)), sorted(map(tuple, scores(database))), atol=1e-6)
    agrees(database, local, LOSSES)


def test_faces_that_share_a_call_keep_their_scores_in_the_cloud_and_in_a_container(
    media: Path, local: Path, tmp_path: Path
) -> None:
    with client(media, tmp_path, container=True, keys=(), settings={"MOODREEL_AZURE_KEY": ""}) as person:
        ended = person.run("--azure-attributes", "emotion,age,glasses")
        agrees(finished(ended, tmp_path), local, LOSSES)
        assert person.server.book.calls <= ceil(FACES / 36) + 1
        assert person.server.book.transactions == ended.summary["bill"]["transactions"]
        told = {attributes for (attributes,) in sql(person.database, "SELECT attributes FROM face")}
        assert [sorted(json.loads(one)) for one in told] == [["age", "glasses"]]


def test_what_was_not_asked_for_is_null(twelve: Path, tmp_path: Path) -> None:
    with client(twelve, tmp_path) as person:
        finished(person.run("--azure-attributes", "age"), tmp_path)
        assert person.faces() == (12, 0)
        assert sql(person.database, "SELECT count(valence), count(happiness), count(attributes) FROM face") == [
            (0, 0, 12)
        ]


def test_whole_pictures_go_as_they_are_and_boxes_come_back_as_a_person_sees_them(
    media: Path, local: Path, tmp_path: Path
) -> None:
    with client(media, tmp_path) as person:
        database = finished(person.run("--detector", "service"), tmp_path)
        book = person.server.book
        assert book.calls == FACES, "a call a frame"
        sent = {one.body_sha256 for one in book.last}
    photos = {hashlib.sha256(file.read_bytes()).hexdigest() for file in media.glob("*.jpg")}
    assert len(sent & photos) == 9, "the bytes of a photo arrive as they lie on the disk"
    near(database, local)
    assert np.abs(scores(database) - scores(local)).max() <= LOSSES
    assert sql(database, "SELECT count(*) FROM face WHERE nose_x IS NULL") == [(0,)]


def near(database: Path, local: Path) -> None:
    """Assert that the faces of a service lie where the local detector finds them: a service's boxes may be squares."""
    theirs, ours = sql(database, BOXES), sql(local, BOXES)
    assert [row[:2] for row in theirs] == [row[:2] for row in ours]
    assert np.abs(np.array([row[2:] for row in theirs]) - np.array([row[2:] for row in ours])).max() <= NEAR_PX


def amazon(server: RekognitionStandIn) -> dict[str, str]:
    """Where boto3 finds it, and how it signs."""
    return {
        "AWS_ENDPOINT_URL_REKOGNITION": server.url,
        "AWS_ACCESS_KEY_ID": RekognitionRules().access_keys[0],
        "AWS_SECRET_ACCESS_KEY": CANARY,
        "AWS_DEFAULT_REGION": "eu-west-1",
    }


@needs_boto3
@pytest.mark.parametrize("options", [(), ("--detector", "service")], ids=["sheets", "whole"])
def test_rekognition_scores_what_is_found_here_and_what_it_finds(
    options: tuple[str, ...], media: Path, local: Path, tmp_path: Path
) -> None:
    with RekognitionStandIn() as server:
        ended = moodreel(*asked(media, "rekognition", "--rate", "50/s", *options), cwd=tmp_path, **amazon(server))
        database = finished(ended, tmp_path)
        assert server.book.calls == (FACES if options else 1)
    near(database, local)
    assert np.abs(scores(database) - scores(local)).max() <= LOSSES
    assert sql(database, "SELECT max(contempt) FROM emotions") == [(0.0,)]


@pytest.mark.parametrize(("faces", "name"), [(1, "nginx"), (8, "moodreel/1")])
def test_a_container_of_ferplus_scores_the_same_crops_the_same(
    faces: int, name: str, media: Path, local: Path, tmp_path: Path
) -> None:
    with FerPlusStandIn(FerPlusRules(faces=faces, server=name)) as server:
        ended = moodreel(*asked(media, "ferplus-http"), cwd=tmp_path, MOODREEL_FERPLUS_URL=f"{server.url}/score")
        agrees(finished(ended, tmp_path), local, 1e-3)
        assert ceil(FACES / faces) <= server.book.calls <= ceil(FACES / faces) + 1
        assert ended.summary["bill"]["cost"] == 0


def test_our_own_container_scores_as_we_do(media: Path, local: Path, tmp_path: Path) -> None:
    with Programs() as programs:
        url = f"{serve(programs, 'serve').url}/score"
        database = finished(moodreel(*asked(media, "ferplus-http"), cwd=tmp_path, MOODREEL_FERPLUS_URL=url), tmp_path)
    agrees(database, local, 1e-3)
    assert rows(database)["frames"] == rows(local)["frames"]

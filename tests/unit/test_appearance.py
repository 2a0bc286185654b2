"""The descriptor of a face: small, the same for the same picture, near for one person and far for another."""

import cv2
import numpy as np
import pytest

from benchmarks.people import Person, Scene, Shot, play
from benchmarks.plays import BLUE, BROWN, DARK, FAIR, PALE, RED, seated
from db.records import Face
from tests.support.faces import face
from workers.detection.appearance import Pixels, with_appearance
from workers.tracking.likeness import CUT, LOOK_EVEN
from workers.tracking.look import CLOTHES, LENGTH, SCENE, SHOWN, Looks, apart, looks_of, scenes_apart


def looks(picture: Pixels, *faces: Face) -> Looks:
    return looks_of([one.appearance for one in with_appearance(picture, faces)])


def shown(person: Person, room: int = 1) -> tuple[Pixels, Face]:
    """The person in a room, and their face."""
    (frame, *_) = play(Scene("", (person,), 1.0, (Shot(0.0, (0,), room),)), 1.0, 2.0)
    return frame.picture, frame.faces[0]


def test_a_descriptor_is_small_and_the_same_each_time() -> None:
    picture, found = shown(Person(seated(300, 130, 80)))
    (one,), (again,) = with_appearance(picture, [found]), with_appearance(picture.copy(), [found])
    assert one.appearance is not None
    assert len(one.appearance) == LENGTH <= 128
    assert one == again
    assert with_appearance(picture, []) == []


def test_faces_keep_all_else_and_their_order() -> None:
    picture, found = shown(Person(seated(300, 130, 80)))
    faces = [found, face(100.0, 90.0, 50.0)]
    described = with_appearance(picture, faces)
    assert [(one.box_x, one.landmarks, one.confidence) for one in described] == [
        (one.box_x, one.landmarks, one.confidence) for one in faces
    ]


def test_a_person_looks_alike_elsewhere_in_the_picture_at_another_size_and_in_other_light() -> None:
    one, other = Person(seated(200, 130, 80), PALE, DARK, RED), Person(seated(420, 140, 96), PALE, DARK, RED)
    stranger = Person(seated(420, 140, 96), BROWN, FAIR, BLUE)
    here, there, nobody = (looks(*shown(person))[0] for person in (one, other, stranger))
    picture, found = shown(one)
    dark = looks(np.clip(picture * 0.85, 0, 255).astype(np.uint8), found)[0]
    assert apart(here, there) < LOOK_EVEN < apart(here, nobody)
    assert apart(here, dark) < LOOK_EVEN


def test_another_room_is_another_scene_and_another_place_in_it_is_not() -> None:
    one, other = Person(seated(200, 130, 80)), Person(seated(260, 140, 80))
    here, there, elsewhere = (
        looks(*shown(person, room))[0][SCENE] for person, room in ((one, 1), (other, 1), (one, 2))
    )
    assert scenes_apart(here, there) < CUT
    assert scenes_apart(here, elsewhere) > CUT


@pytest.mark.parametrize("spot", [(5.0, 5.0), (635.0, 355.0), (-40.0, 100.0), (700.0, 400.0), (320.0, -90.0)])
@pytest.mark.parametrize("side", [0.4, 60.0, 2000.0])
def test_a_face_at_the_edge_or_beyond_has_a_descriptor_too(spot: tuple[float, float], side: float) -> None:
    picture, _ = shown(Person(seated(300, 130, 80)))
    (look,) = looks(picture, face(*spot, side))
    assert np.isfinite(look).all()
    assert 0 <= look[SHOWN] <= 255


def test_clothes_that_the_picture_does_not_show_decide_nothing() -> None:
    picture, found = shown(Person(seated(300, 325, 80)))
    (low,) = looks(picture, found)
    assert low[SHOWN] == 0, "they lie below it"
    other = low.copy()
    other[CLOTHES] = 255 - other[CLOTHES]
    assert apart(low, other) == 0
    low[SHOWN] = other[SHOWN] = 255
    assert apart(low, other) > LOOK_EVEN


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (2, 400)])
def test_the_smallest_pictures_have_descriptors(size: tuple[int, int]) -> None:
    picture = cv2.resize(np.zeros((4, 4, 3), np.uint8), size).astype(np.uint8, copy=False)
    assert np.isfinite(looks(picture, face(1.0, 1.0, 2.0))).all()


def test_what_is_unknown_is_apart_from_nothing_and_near_nothing() -> None:
    rows = looks_of([None, bytes(LENGTH), b"short"])
    assert np.isnan(apart(rows[0], rows[1]))
    assert np.isnan(apart(rows[2], rows[1]))
    assert apart(rows[1], rows[1]) == 0

"""Sheets of faces: whatever a service answers, a score goes to the face it is of, or to none."""

import math
import random
from dataclasses import replace
from decimal import Decimal

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workers.services.base import PictureCard
from workers.services.packing import MARGIN_PX, PICTURE_PX, Box, CropShape, DoesNotFit, Sheet, assign, overlap, plan
from workers.services.sheets import BACKGROUND, Crop, draw, encode, pack

CARD = PictureCard(
    name="some", title="Some service", rate_per_s=10, usd_per_1000=Decimal(1), formats=("jpeg", "png"),
    min_bytes=1024, max_bytes=5 * 2**20, min_side_px=80, max_faces=100, face_px=40,
)  # fmt: skip
BOUNDLESS = st.floats(allow_nan=True, allow_infinity=True)


@st.composite
def shapes(draw: st.DrawFn, over_px: float = 0.0) -> CropShape:
    """A crop as a child cuts it: 1.6 face heights, or less where the picture ended (`over_px`: within the face)."""
    height = draw(st.floats(20, 400))
    width = height * draw(st.floats(0.6, 1.0))
    room = [max(0.0, 0.8 * height - side / 2) for side in (width, height)]
    left, right = (draw(st.floats(-over_px, room[0])) for _ in range(2))
    top, bottom = (draw(st.floats(-over_px, room[1])) for _ in range(2))
    return CropShape(math.ceil(left + width + right), math.ceil(top + height + bottom), (left, top, width, height))


sheets = st.lists(shapes(), min_size=1, max_size=40).map(lambda some: plan(some, CARD))
rough_sheets = st.lists(shapes(over_px=5.0), min_size=1, max_size=40).map(lambda some: plan(some, CARD))
angles = st.floats(0, 2 * math.pi)


def moved(box: Box, angle: float, by_px: float, scale: float) -> Box:
    """The box with its centre moved, and its sides scaled."""
    x, y, width, height = box
    middle_x = x + width / 2 + by_px * math.cos(angle)
    middle_y = y + height / 2 + by_px * math.sin(angle)
    return middle_x - width * scale / 2, middle_y - height * scale / 2, width * scale, height * scale


def size_of(box: Box) -> float:
    return math.sqrt(box[2] * box[3])


@st.composite
def answers(draw: st.DrawFn, sheet: Sheet) -> list[tuple[int | None, Box]]:
    """What a bad day of a service gives: each box with the number of the face it is of, None for no face of ours."""
    given: list[tuple[int | None, Box]] = []
    for number, cell in enumerate(sheet.cells):
        for _ in range(draw(st.sampled_from((0, 1, 1, 1, 2)))):
            most_px = 0.5 * min(cell.face_xywh[2:])
            by_px, scale = draw(st.floats(0, most_px)), draw(st.floats(0.3, 3))
            given.append((number, moved(cell.face_xywh, draw(angles), by_px, scale)))
    for _ in range(draw(st.integers(0, 6))):
        given.append((None, draw(strangers(sheet))))
    return draw(st.permutations(given))


@st.composite
def strangers(draw: st.DrawFn, sheet: Sheet) -> Box:
    """A box that is no face of ours: beside a face, over two crops, or of nowhere."""
    one, other = (draw(st.sampled_from(sheet.cells)) for _ in range(2))
    kind = draw(st.sampled_from(("beside", "over two", "nowhere")))
    if kind == "nowhere":
        box = draw(st.tuples(BOUNDLESS, BOUNDLESS, BOUNDLESS, BOUNDLESS))
    elif kind == "beside" or one == other:
        by_px = draw(st.floats(0.5, 4)) * size_of(one.face_xywh)
        box = moved(one.face_xywh, draw(angles), by_px, draw(st.floats(0.3, 3)))
    else:
        x, y, right, bottom = (
            *(min(one.picture_xywh[side], other.picture_xywh[side]) for side in (0, 1)),
            *(max(cell.picture_xywh[side] + cell.picture_xywh[side + 2] for cell in (one, other)) for side in (0, 1)),
        )
        return x, y, right - x, bottom - y
    assume(all(_is_elsewhere(box, cell.face_xywh) for cell in sheet.cells))
    return box


def _is_elsewhere(box: Box, face: Box) -> bool:
    """By another measure than that of the code: half a face away from its middle, or not to be told."""
    off = math.hypot(box[0] + box[2] / 2 - face[0] - face[2] / 2, box[1] + box[3] / 2 - face[1] - face[3] / 2)
    return not off < 0.49 * size_of(face)


@given(data=st.data(), sheet=rough_sheets)
def test_no_face_ever_gets_the_score_of_another_whatever_a_service_answers(data: st.DataObject, sheet: Sheet) -> None:
    given = data.draw(answers(sheet))
    assigned = assign(sheet, [box for _, box in given])
    assert all(given[answer][0] == crop for crop, answer in assigned.answers.items())
    assert len(set(assigned.answers.values())) == len(assigned.answers)
    assert sorted((*assigned.answers, *assigned.missing)) == list(range(len(sheet.cells)))


@given(data=st.data(), sheet=sheets)
def test_the_order_of_the_answers_changes_nothing(data: st.DataObject, sheet: Sheet) -> None:
    boxes = [box for _, box in data.draw(answers(sheet))]
    order = data.draw(st.permutations(range(len(boxes))))
    first, second = assign(sheet, boxes), assign(sheet, [boxes[at] for at in order])
    assert {crop: order[answer] for crop, answer in second.answers.items()} == first.answers


@given(data=st.data(), sheet=sheets)
def test_boxes_that_are_cut_a_little_differently_all_find_their_faces_and_what_is_missing_is_listed(
    data: st.DataObject, sheet: Sheet
) -> None:
    came = [number for number in range(len(sheet.cells)) if data.draw(st.booleans())]
    boxes = []
    for number in came:
        face = sheet.cells[number].face_xywh
        by_px, scale = data.draw(st.floats(0, 0.08)) * size_of(face), data.draw(st.floats(0.6, 1.2))
        boxes.append(moved(face, data.draw(angles), by_px, scale))
    assigned = assign(sheet, boxes)
    assert assigned.answers == {number: at for at, number in enumerate(came)}
    assert assigned.missing == tuple(number for number in range(len(sheet.cells)) if number not in came)


@given(sheet=sheets)
def test_a_face_that_was_found_twice_goes_to_nobody_unless_one_box_is_clearly_the_better(sheet: Sheet) -> None:
    faces = [cell.face_xywh for cell in sheet.cells]
    assert assign(sheet, [*faces, *faces]).missing == tuple(range(len(faces)))
    worse = [moved(face, 0.0, 0.2 * size_of(face), 0.7) for face in faces]
    assert assign(sheet, [*worse, *faces]).answers == {at: len(faces) + at for at in range(len(faces))}


@given(sheet=sheets)
def test_a_second_person_in_a_crop_is_not_taken_for_the_one_it_is_of(sheet: Sheet) -> None:
    beside = [moved(cell.face_xywh, 0.0, 0.7 * cell.face_xywh[2], 0.9) for cell in sheet.cells]
    assert not assign(sheet, beside).answers
    faces = [cell.face_xywh for cell in sheet.cells]
    assert assign(sheet, [*beside, *faces]).answers == {at: len(faces) + at for at in range(len(faces))}


def test_a_box_that_is_no_box_is_nobodys() -> None:
    sheet = plan([CropShape(160, 160, (40, 30, 80, 100))], CARD)
    x, y, width, height = sheet.cells[0].face_xywh
    wrong = [(math.nan, y, width, height), (x, y, math.inf, height), (x, y, 0, height), (x, y, -width, -height)]
    assert not assign(sheet, [*wrong, (-1e308, y, 1e308, 1e308)]).answers
    assert not assign(sheet, []).answers


@pytest.mark.parametrize(("scale", "taken"), [(0.4, False), (0.5, True), (1.85, True), (2.0, False)])
def test_a_box_of_quite_another_size_is_nobodys(scale: float, taken: bool) -> None:
    sheet = plan([CropShape(160, 160, (40, 30, 80, 100))], CARD)
    assert bool(assign(sheet, [moved(sheet.cells[0].face_xywh, 0.0, 0.0, scale)]).answers) is taken


def test_a_box_that_touches_a_neighbours_crop_is_nobodys_but_alone_nothing_is_there_to_touch() -> None:
    shape = CropShape(100, 160, (0, 30, 100, 100))  # cut off at both sides, so that the face fills its crop
    large = moved(plan([shape], CARD).cells[0].face_xywh, 0.0, 0.0, 1.85)
    assert assign(plan([shape], CARD), [large]).answers == {0: 0}
    pair = plan([replace(shape, width=160, face_xywh=(0, 0, 160, 160))] * 2, CARD)
    across = moved(pair.cells[0].face_xywh, 0.0, 0.0, 1.55)
    assert not assign(pair, [across]).answers


@given(some=st.lists(shapes(), min_size=1, max_size=100), face_px=st.sampled_from((36, 40, 60)))
def test_every_face_is_as_large_as_the_service_wants_it_and_no_crop_meets_another(
    some: list[CropShape], face_px: int
) -> None:
    card = replace(CARD, face_px=face_px)
    sheet = plan(some, card)
    least = card.min_face_px(sheet.width, sheet.height)
    assert min(sheet.width, sheet.height) >= card.min_side_px
    taken = np.zeros((sheet.height, sheet.width), np.uint8)
    for cell, shape in zip(sheet.cells, some, strict=True):
        x, y, width, height = cell.picture_xywh
        assert min(cell.face_xywh[2:]) >= least
        assert width / height == pytest.approx(shape.width / shape.height, rel=0.03)
        assert min(x, y, sheet.width - x - width, sheet.height - y - height) >= MARGIN_PX
        taken[y - MARGIN_PX : y + height + MARGIN_PX, x - MARGIN_PX : x + width + MARGIN_PX] += 1
    assert taken.max() == 1


@pytest.mark.parametrize(("count", "grid"), [(1, (1, 1)), (2, (2, 1)), (4, (2, 2)), (36, (8, 5)), (100, (13, 8))])
def test_a_grid_is_as_wide_as_a_screen(count: int, grid: tuple[int, int]) -> None:
    sheet = plan([CropShape(160, 160, (40, 30, 80, 100))] * count, CARD)
    assert (sheet.width // sheet.cell_px, sheet.height // sheet.cell_px) == grid
    assert sheet.cell_px == PICTURE_PX + 2 * MARGIN_PX


def test_no_sheet_is_empty_or_holds_more_than_the_service_answers_for() -> None:
    shape = CropShape(160, 160, (40, 30, 80, 100))
    with pytest.raises(ValueError, match="no faces"):
        plan([], CARD)
    with pytest.raises(ValueError, match="no crop of a face"):
        plan([CropShape(160, 160, (0, 0, 0, 20))], CARD)
    with pytest.raises(DoesNotFit, match="101 faces"):
        plan([shape] * 101, CARD)
    with pytest.raises(DoesNotFit, match="50 faces"):
        plan([shape] * 50, replace(CARD, face_px=200))


def test_a_face_that_is_narrow_in_its_crop_does_not_blow_up_a_sheet_and_is_large_enough_alone() -> None:
    narrow, usual = CropShape(160, 160, (70, 30, 20, 100)), CropShape(160, 160, (40, 30, 80, 100))
    assert plan([usual, narrow], CARD).cell_px == plan([usual, usual], CARD).cell_px
    assert plan([narrow], CARD).cells[0].face_xywh[2] >= CARD.face_px
    plan([CropShape(4000, 4000, (0, 0, 2, 20))], CARD)  # whatever may come of it


def crops(count: int, seed: int = 0, noisy: bool = False) -> list[Crop]:
    """Crops of one colour each, of many sizes; or of noise, which no JPEG makes small."""
    chance = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        height = int(chance.integers(60, 400))
        width = int(height * chance.uniform(0.7, 1.0))
        pixels = np.empty((height, width, 3), np.uint8)
        pixels[:] = chance.integers(0, 256, (height, width, 3) if noisy else 3, dtype=np.uint8)
        made.append(Crop(pixels, (width * 0.2, height * 0.2, width * 0.6, height * 0.6)))
    return made


def decoded(picture: bytes) -> np.ndarray:  # type: ignore[type-arg]
    pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return pixels


@pytest.mark.parametrize("formats", [("jpeg", "png"), ("png",)])
def test_each_crop_lies_in_its_cell_and_nothing_around_it(formats: tuple[str, ...]) -> None:
    some = crops(36)
    packed = pack(some, replace(CARD, formats=formats))
    pixels = decoded(packed.picture).astype(int)
    assert pixels.shape == (packed.sheet.height, packed.sheet.width, 3)
    outside = np.ones(pixels.shape[:2], bool)
    for cell, crop in zip(packed.sheet.cells, some, strict=True):
        x, y, width, height = cell.picture_xywh
        middle = pixels[y + 8 : y + height - 8, x + 8 : x + width - 8]
        assert np.abs(middle - crop.pixels[0, 0]).max() <= 4
        outside[y - 8 : y + height + 8, x - 8 : x + width + 8] = False
    assert np.abs(pixels[outside] - BACKGROUND).max() <= 4


def test_the_same_crops_make_the_same_bytes() -> None:
    assert pack(crops(20, noisy=True), CARD).picture == pack(crops(20, noisy=True), CARD).picture


def test_a_large_crop_is_averaged_down_and_a_small_one_keeps_its_place() -> None:
    board = np.zeros((1024, 1024, 3), np.uint8)
    board[::2, ::2] = board[1::2, 1::2] = 255
    small = np.zeros((36, 36, 3), np.uint8)
    small[18:, 18:] = 255
    some = [Crop(board, (200, 200, 600, 600)), Crop(small, (8, 8, 20, 20))]
    sheet = plan([one.shape for one in some], CARD)
    pixels = draw(sheet, some)
    x, y, width, height = sheet.cells[0].picture_xywh
    assert np.abs(pixels[y : y + height, x : x + width].astype(int) - 127).max() <= 2
    x, y, width, height = sheet.cells[1].picture_xywh
    assert pixels[y + height // 4, x + width // 4].max() == 0
    assert pixels[y + 3 * height // 4, x + 3 * width // 4].min() == 255


def test_a_sheet_over_the_byte_limit_gets_a_lower_quality_and_then_fewer_faces() -> None:
    some = crops(36, noisy=True)
    whole = pack(some, CARD)
    lower = pack(some, replace(CARD, max_bytes=len(whole.picture) - 1))
    assert (len(whole.sheet.cells), len(lower.sheet.cells)) == (36, 36)
    assert len(lower.picture) < len(whole.picture)
    fewer = pack(some, replace(CARD, max_bytes=150_000))
    assert 1 < len(fewer.sheet.cells) < 36
    assert len(fewer.picture) <= 150_000
    with pytest.raises(DoesNotFit):
        encode(draw(whole.sheet, some), replace(CARD, max_bytes=150_000))
    with pytest.raises(ValueError, match="takes"):
        pack(some, replace(CARD, max_bytes=500))


def test_no_more_faces_than_the_service_answers_for_go_on_one_sheet() -> None:
    assert len(pack(crops(36), replace(CARD, max_faces=10)).sheet.cells) == 10


def test_a_picture_that_is_too_small_a_file_gets_longer_without_a_change_of_its_pixels() -> None:
    flat = [Crop(np.full((160, 160, 3), 90, np.uint8), (40, 30, 80, 100))]
    plain = pack(flat, replace(CARD, min_bytes=1))
    longer = pack(flat, replace(CARD, min_bytes=20_000))
    assert len(plain.picture) < 20_000 <= len(longer.picture) < 20_010
    assert np.array_equal(decoded(plain.picture), decoded(longer.picture))


def test_the_overlap_of_boxes_is_that_of_areas() -> None:
    chance = random.Random(3)
    for _ in range(50):
        one, other = (tuple(chance.randrange(1, 30) for _ in range(4)) for _ in range(2))
        field = np.zeros((2, 70, 70), bool)
        for layer, (x, y, width, height) in enumerate((one, other)):
            field[layer, y : y + height, x : x + width] = True
        assert overlap(one, other) == pytest.approx(field.all(0).sum() / field.any(0).sum())

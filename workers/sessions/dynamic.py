"""Make the picture size of a fixed-size ONNX graph dynamic, by editing its protobuf bytes.

The `onnx` package would do it in a line, but importing it costs every child 220 ms and 40 MB; the wire format of the
four messages on the way (https://protobuf.dev/programming-guides/encoding) is a few lines. The tests hold this against
that package.
"""

from collections.abc import Callable, Iterator

from workers.errors import ModelError

# Field numbers of onnx.proto3.
_MODEL_GRAPH = 7
_GRAPH_INPUT, _GRAPH_OUTPUT, _GRAPH_VALUE_INFO = 11, 12, 13
_VALUE_TYPE = 2
_TYPE_TENSOR = 1
_TENSOR_SHAPE = 2
_SHAPE_DIM = 1
_DIM_PARAM = 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_Field = tuple[int, int, bytes]
"""Number, wire type, and the payload (of a varint or fixed field: its encoded bytes)."""


def with_dynamic_size(model: bytes) -> bytes:
    """The same graph for any height and width: input [1, 3, height, width], stale output and inner shapes forgotten."""
    return _edit(model, {_MODEL_GRAPH: _dynamic_graph})


def _dynamic_graph(graph: bytes) -> bytes:
    kept = [field for field in _fields(graph) if field[0] != _GRAPH_VALUE_INFO]
    sized, unsized = (
        _at(_VALUE_TYPE, _at(_TYPE_TENSOR, _at(_TENSOR_SHAPE, change))) for change in (_dynamic_shape, _unknown_shape)
    )
    return _edit(_join(kept), {_GRAPH_INPUT: sized, _GRAPH_OUTPUT: unsized})


def _dynamic_shape(shape: bytes) -> bytes:
    dims = [payload for number, _, payload in _fields(shape) if number == _SHAPE_DIM]
    if len(dims) != 4:
        raise _not_ours(f"its input has {len(dims)} dimensions, not 4")
    names = (_join([(_DIM_PARAM, _BYTES, name)]) for name in (b"height", b"width"))
    return _join([(_SHAPE_DIM, _BYTES, dim) for dim in (*dims[:2], *names)])


def _unknown_shape(shape: bytes) -> bytes:
    """As many dimensions, of any length: an empty dimension is an unknown one."""
    return _edit(shape, {_SHAPE_DIM: lambda _: b""})


def _at(number: int, change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda message: _edit(message, {number: change})


def _edit(message: bytes, changes: dict[int, Callable[[bytes], bytes]]) -> bytes:
    return _join((n, wire, changes[n](payload) if n in changes else payload) for n, wire, payload in _fields(message))


def _fields(message: bytes) -> Iterator[_Field]:
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == _BYTES:
            size, at = _varint(message, at)
        elif wire == _VARINT:
            size = _varint(message, at)[1] - at
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise _not_ours(f"wire type {wire}")
        if at + size > len(message):
            raise _not_ours("it ends in the middle of a field")
        yield number, wire, message[at : at + size]
        at += size


def _join(fields: "Iterator[_Field] | list[_Field]") -> bytes:
    parts = []
    for number, wire, payload in fields:
        parts.append(_encode(number << 3 | wire))
        if wire == _BYTES:
            parts.append(_encode(len(payload)))
        parts.append(payload)
    return b"".join(parts)


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise _not_ours("it ends in the middle of a number")


def _encode(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _not_ours(what: str) -> ModelError:
    return ModelError("model.damaged", f"the detector's graph cannot be read: {what}", "run `moodreel models verify`")

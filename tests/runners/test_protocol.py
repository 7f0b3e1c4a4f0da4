"""The channel between parent and worker: whole frames, or an error; never something in between."""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Iterator
from typing import Any
from zlib import crc32

import pytest

from conformance.domain.records import STAGES
from conformance.runners import protocol
from conformance.runners.protocol import Decoder, GarbageError, Place, PlaceMark, encode

FRAMES: list[tuple[dict[str, Any], bytes]] = [
    ({"kind": "ready"}, b""),
    ({"kind": "output", "shape": [1, 2], "text": "é\u2028"}, bytes(range(64))),
    ({}, b"pad1pad1pad1pad1pad1"),
]
HEADER = struct.Struct("<4sIIII")


@pytest.mark.parametrize("frame", FRAMES, ids=["no-payload", "payload", "payload-like-a-header"])
def test_a_frame_comes_back(frame: tuple[dict[str, Any], bytes]) -> None:
    assert list(Decoder().feed(encode(*frame))) == [frame]


@pytest.mark.parametrize("shape", [(), (1, 2, 3)])
@pytest.mark.parametrize("seconds", [0.0, 1.5e-05, 123.25])
def test_an_outputs_frame_is_that_of_its_message(shape: tuple[int, ...], seconds: float) -> None:
    message = {"kind": "output", "sequence": 7, "seconds": seconds, "dtype": "<f4", "shape": list(shape)}
    assert list(Decoder().feed(protocol.output(7, seconds, "<f4", shape, b"12345678"))) == [(message, b"12345678")]


def test_frames_that_come_together_come_back_in_order() -> None:
    assert list(Decoder().feed(b"".join(encode(*frame) for frame in FRAMES))) == FRAMES


def test_frames_that_break_at_any_byte_come_back_whole() -> None:
    stream = b"".join(encode(*frame) for frame in FRAMES)
    ends = [len(b"".join(encode(*frame) for frame in FRAMES[: count + 1])) for count in range(len(FRAMES))]
    for cut in range(len(stream) + 1):
        decoder = Decoder()
        first = list(decoder.feed(stream[:cut]))
        assert len(first) == sum(end <= cut for end in ends)
        assert first + list(decoder.feed(stream[cut:])) == FRAMES


def test_frames_that_come_byte_by_byte_come_back_whole() -> None:
    decoder = Decoder()
    stream = b"".join(encode(*frame) for frame in FRAMES)
    assert [frame for byte in stream for frame in decoder.feed(bytes([byte]))] == FRAMES


def test_a_message_is_ascii_json_so_that_no_encoding_can_break_it() -> None:
    frame = encode({"text": "é\udcff"})
    assert frame[HEADER.size :].isascii()
    assert list(Decoder().feed(frame)) == [({"text": "é\udcff"}, b"")]


@pytest.mark.parametrize("place", [0, 3])
def test_another_magic_is_garbage_that_is_shown(place: int) -> None:
    frame = bytearray(encode({"kind": "ready"}))
    frame[place] ^= 1
    with pytest.raises(GarbageError, match="no frame: b'"):
        list(Decoder().feed(bytes(frame)))


def test_printed_text_is_garbage() -> None:
    with pytest.raises(GarbageError, match="WARNING: something"):
        list(Decoder().feed(b"WARNING: something that a framework prints"))


def test_every_changed_byte_of_text_and_payload_is_noticed() -> None:
    frame = encode({"kind": "output"}, b"12345678")
    for place in range(HEADER.size, len(frame)):
        broken = bytearray(frame)
        broken[place] ^= 0x20
        with pytest.raises(GarbageError, match="checksum"):
            list(Decoder().feed(bytes(broken)))


@pytest.mark.parametrize("field", ["text", "payload"])
def test_a_size_beyond_all_reason_is_garbage_at_once(field: str) -> None:
    sizes = {"text": 2, "payload": 0, field: protocol.LARGEST + 1}
    header = HEADER.pack(b"pad1", sizes["text"], 0, sizes["payload"], 0)
    with pytest.raises(GarbageError, match="no frame"):
        list(Decoder().feed(header))


def test_the_largest_payload_is_waited_for() -> None:
    text = json.dumps({}).encode()
    header = HEADER.pack(b"pad1", len(text), crc32(text), protocol.LARGEST, 0)
    assert list(Decoder().feed(header + text)) == []


def test_frames_before_garbage_are_not_lost() -> None:
    frames = Decoder().feed(encode({"kind": "ready"}) + b"garbage that is longer than a header")
    assert next(frames) == ({"kind": "ready"}, b"")
    with pytest.raises(GarbageError):
        next(frames)


@pytest.fixture
def marks() -> Iterator[tuple[PlaceMark, PlaceMark]]:
    """A shared file as a worker and its parent have it."""
    with tempfile.TemporaryFile() as file:
        file.truncate(protocol.PLACE_SIZE)
        worker, parent = PlaceMark(file.fileno()), PlaceMark(file.fileno())
    yield worker, parent
    worker.close()
    parent.close()


@pytest.mark.parametrize("stage", [*STAGES, ""])
@pytest.mark.parametrize("sequence", [-1, 0, 2**40])
def test_a_place_that_one_marks_is_what_the_other_reads(
    marks: tuple[PlaceMark, PlaceMark], sequence: int, stage: str
) -> None:
    worker, parent = marks
    worker.write(sequence, stage, 12.5)
    assert parent.read() == Place(sequence, stage, 12.5)


def test_the_last_mark_counts_whoever_wrote_it(marks: tuple[PlaceMark, PlaceMark]) -> None:
    worker, parent = marks
    parent.write(-1, "open", 1.0)
    worker.write(3, "build", 2.0)
    worker.write(3, "run", 3.0)
    assert parent.read() == worker.read() == Place(3, "run", 3.0)


def test_a_mark_outlives_the_one_who_wrote_it() -> None:
    with tempfile.TemporaryFile() as file:
        file.truncate(protocol.PLACE_SIZE)
        worker, parent = PlaceMark(file.fileno()), PlaceMark(file.fileno())
        worker.write(5, "run", 1.0)
        worker.close()
        assert parent.read() == Place(5, "run", 1.0)
        parent.close()


def test_a_stage_that_is_none_is_refused(marks: tuple[PlaceMark, PlaceMark]) -> None:
    with pytest.raises(ValueError, match=r"tuple\.index"):
        marks[0].write(0, "sleep", 0.0)

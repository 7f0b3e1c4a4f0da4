"""The private channel between parent and worker: framed JSON and raw arrays, no pickles.

A frame is a header of 20 bytes (magic, length and checksum of a JSON text, length and checksum of
a payload), the text and the payload. The worker's place (which job, which stage, since when) lies
in a small shared file, so that marking it costs nothing and outlives the worker.
"""

from __future__ import annotations

import json
import mmap
import struct
from typing import Any, Callable, Dict, Iterator, NamedTuple, Optional, Sequence, Tuple
from zlib import crc32

from conformance.domain.records import STAGES

_HEADER = struct.Struct("<4sIIII")
_MAGIC = b"pad1"
_PLACE = struct.Struct("<qqd")
_SUM = struct.Struct("<I")
_MARK_SIZE = _PLACE.size + _SUM.size
PLACE_SIZE = mmap.PAGESIZE
LARGEST = 2**31
"""Bytes of payload above which a frame is taken for garbage."""
_text_of = json.JSONEncoder(separators=(",", ":")).encode


class GarbageError(Exception):
    """What came through the channel is no frame."""


def encode(message: Dict[str, Any], payload: bytes = b"") -> bytes:
    """One frame."""
    return frame(_text_of(message).encode(), payload)


def frame(text: bytes, payload: bytes = b"") -> bytes:
    """One frame of a message's JSON."""
    return b"".join((_HEADER.pack(_MAGIC, len(text), crc32(text), len(payload), crc32(payload)), text, payload))


def output(sequence: int, seconds: float, dtype: str, shape: Sequence[int], payload: bytes) -> bytes:
    """The frame of a job's output: what ``encode`` gives, for half of its time, as this is sent for every job."""
    text = '{"kind":"output","sequence":%d,"seconds":%r,"dtype":"%s","shape":%s}'
    return frame((text % (sequence, seconds, dtype, list(shape))).encode(), payload)


class Decoder:
    """Takes bytes as they come and gives whole frames, JSON read by ``loads``; ``GarbageError`` where they are none."""

    def __init__(self, loads: Callable[[bytes], Any] = json.loads) -> None:
        self._loads = loads
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Tuple[Dict[str, Any], bytes]]:
        """The frames that are complete now."""
        self._buffer += data
        while len(self._buffer) >= _HEADER.size:
            magic, text_size, text_sum, payload_size, payload_sum = _HEADER.unpack_from(self._buffer)
            if magic != _MAGIC or text_size > LARGEST or payload_size > LARGEST:
                raise GarbageError(f"no frame: {bytes(self._buffer[:40])!r}")
            middle, end = _HEADER.size + text_size, _HEADER.size + text_size + payload_size
            if len(self._buffer) < end:
                return
            text, payload = bytes(self._buffer[_HEADER.size : middle]), bytes(self._buffer[middle:end])
            del self._buffer[:end]
            if crc32(text) != text_sum or crc32(payload) != payload_sum:
                raise GarbageError("a frame's checksum is wrong")
            yield self._loads(text), payload


class Place(NamedTuple):
    """Where a worker is: the sequence number of its job (-1 before any), the stage, and since when."""

    sequence: int
    stage: str
    since: float


class PlaceMark:
    """The shared file that holds a worker's ``Place``; ``since`` is the monotonic clock's."""

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, PLACE_SIZE)

    def write(self, sequence: int, stage: str, since: float) -> None:
        """Mark a place; ``stage`` is one of ``STAGES`` or empty between jobs."""
        place = _PLACE.pack(sequence, STAGES.index(stage) if stage else -1, since)
        self._memory[:_MARK_SIZE] = place + _SUM.pack(crc32(place))

    def read(self) -> Optional[Place]:
        """The place that was marked last; None where a mark is half written, or written over."""
        mark = self._memory[:_MARK_SIZE]
        place = mark[: _PLACE.size]
        if _SUM.unpack_from(mark, _PLACE.size)[0] != crc32(place):
            return None
        sequence, number, since = _PLACE.unpack(place)
        return Place(sequence, STAGES[number] if number >= 0 else "", since)

    def close(self) -> None:
        """Let go of the shared memory."""
        self._memory.close()

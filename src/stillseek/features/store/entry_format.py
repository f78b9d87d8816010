"""One entry of the store as bytes: safetensors of half-precision arrays with a JSON header.

A checksum covers the header and every array. Rows of ``clips`` have one for every 256 besides,
so that a window of a long video is read, and checked, without the rest; entries of before that
lack it and are read whole.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float16, Float32, Shaped
from safetensors import SafetensorError
from safetensors.numpy import load, save

_ROWS_OF_BLOCK = 256
_BLOCKS_OF = "clips"
# Holds the head of a video of half a day; a longer one takes a second read.
_HEAD_BYTES = 1 << 16
_LENGTH_BYTES = 8


class CorruptEntryError(ValueError):
    """The bytes are not those of an entry as it was written; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryHead:
    """What an entry says before its arrays.

    Attributes:
        header: What the writer said of the features; JSON values.
        metadata: Header and checksums as text.
        tensors: Type, shape and bytes of each array, as the safetensors format has them.
        size: Bytes before the arrays.
    """

    header: dict[str, Any]
    metadata: dict[str, str]
    tensors: dict[str, Any]
    size: int


def pack(header: Mapping[str, object], arrays: Mapping[str, Float32[np.ndarray, "..."]]) -> bytes:
    """An entry of a header and arrays, which are rounded to half precision.

    The same header and arrays give the same bytes, whoever writes them.

    Raises:
        OverflowError: A value is not finite in half precision.
    """
    halves = {name: halved(array) for name, array in arrays.items()}
    text = json.dumps(header)
    metadata = {"header": text, "checksum": _checksum(text, halves)}
    if _BLOCKS_OF in halves:
        metadata["header_checksum"] = _digest(text)
        metadata["blocks"] = json.dumps(_block_digests(text, 0, halves[_BLOCKS_OF]))
    return _sort_head(save(halves, metadata=metadata))


def halved(array: Float32[np.ndarray, "..."]) -> Float16[np.ndarray, "..."]:
    """An array rounded to half precision.

    Raises:
        OverflowError: A value is not finite in it.
    """
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    if not np.isfinite(half).all():
        raise OverflowError("not finite in half precision")
    return half


def unpack(content: bytes) -> tuple[dict[str, Any], dict[str, Float32[np.ndarray, "..."]]]:
    """Header and arrays of an entry, checked.

    Raises:
        CorruptEntryError: The bytes are not an entry, or a checksum differs.
    """
    head = read_head(lambda start, stop: content[start:stop])
    try:
        stored = load(content)
        is_intact = head.metadata["checksum"] == _checksum(head.metadata["header"], stored)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CorruptEntryError(str(error)) from error
    if not is_intact:
        raise CorruptEntryError("the checksum differs")
    return head.header, {name: array.astype(np.float32) for name, array in stored.items()}


def read_head(read: Callable[[int, int], bytes]) -> EntryHead:
    """The head of an entry; its checksums are not compared.

    Args:
        read: Gives the bytes ``[start, stop)`` of the entry, fewer where it ends before.

    Raises:
        CorruptEntryError: There is no such head.
    """
    content = read(0, _HEAD_BYTES)
    size = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    if size > len(content) == _HEAD_BYTES:
        content = read(0, size)
    if len(content) < size or len(content) < _LENGTH_BYTES:
        raise CorruptEntryError("it is cut off")
    try:
        tensors = json.loads(content[_LENGTH_BYTES:size])
        metadata = tensors.pop("__metadata__")
        return EntryHead(
            header=json.loads(metadata["header"]), metadata=metadata, tensors=tensors, size=size
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptEntryError(f"its head cannot be read: {error}") from error


def has_blocks(head: EntryHead) -> bool:
    """Whether rows can be read without the rest.

    Raises:
        CorruptEntryError: The checksum of the header differs.
    """
    if "blocks" not in head.metadata:
        return False
    if head.metadata.get("header_checksum") != _digest(head.metadata["header"]):
        raise CorruptEntryError("the checksum of the header differs")
    return True


def read_rows(
    head: EntryHead, rows: range, read: Callable[[int, int], bytes]
) -> Float32[np.ndarray, "clip clip_dim"]:
    """Consecutive rows of ``clips`` of an entry that has blocks, checked.

    Args:
        head: The head.
        rows: Which ones.
        read: As in `read_head`.

    Raises:
        CorruptEntryError: The rows are not there, or the checksum of a block differs.
    """
    try:
        tensor = head.tensors[_BLOCKS_OF]
        num_rows, width = tensor["shape"]
        first = rows.start // _ROWS_OF_BLOCK * _ROWS_OF_BLOCK
        last = min(-(-rows.stop // _ROWS_OF_BLOCK) * _ROWS_OF_BLOCK, num_rows)
        start = head.size + tensor["data_offsets"][0]
        row_bytes = width * np.dtype(np.float16).itemsize
        content = read(start + first * row_bytes, start + last * row_bytes)
        blocks = np.frombuffer(content, np.float16).reshape(last - first, width)
        known = json.loads(head.metadata["blocks"])
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptEntryError(str(error)) from error
    digests = _block_digests(head.metadata["header"], first // _ROWS_OF_BLOCK, blocks)
    if digests != known[first // _ROWS_OF_BLOCK :][: len(digests)] or rows.stop > num_rows:
        raise CorruptEntryError("the checksum of its rows differs")
    return blocks[rows.start - first : rows.stop - first].astype(np.float32)


def _sort_head(content: bytes) -> bytes:
    """The safetensors with the names of their head in order; they come in a random one."""
    size = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    head = json.loads(content[_LENGTH_BYTES:size])
    text = json.dumps(head, sort_keys=True, separators=(",", ":")).encode()
    # The format wants arrays to start at a multiple of 8.
    text += b" " * (-len(text) % _LENGTH_BYTES)
    return len(text).to_bytes(_LENGTH_BYTES, "little") + text + content[size:]


def _checksum(header: str, arrays: Mapping[str, Shaped[np.ndarray, "..."]]) -> str:
    digest = hashlib.sha256(header.encode())
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()


def _block_digests(header: str, first: int, rows: Float16[np.ndarray, "row width"]) -> list[str]:
    """Checksums of blocks of rows, each with its number, so that blocks cannot change places."""
    return [
        _digest(f"{header} {first + number}", rows[start:][:_ROWS_OF_BLOCK].tobytes())
        for number, start in enumerate(range(0, len(rows), _ROWS_OF_BLOCK))
    ]


def _digest(text: str, rows: bytes = b"") -> str:
    return hashlib.sha256(text.encode() + rows).hexdigest()[:32]

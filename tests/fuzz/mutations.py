"""What runs break, and how: what happens to files on disks, on the way and in editors."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

Mutation = Callable[[bytes, Random], bytes]

_LENGTHS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_NUMBERS = (0, -1, 1, 2**31, 10**9, 10**30, 1e-300, 1e308, float("nan"), float("inf"), 0.5)
_VALUES = (*_NUMBERS, None, True, "", "x", "\u2028\n", "/", "../..", "\ud800", "a" * 5000, [], {})
_TOKENS = (b"", *b'-1 1e400 NaN null " , {} [ \xff\xfe \0 ..'.split())

# Kinds by how many of 30 runs they get.
SHARES = {
    "video": 8,
    "image": 6,
    "annotations": 5,
    "taxonomy": 1,
    "manifest": 2,
    "predictions": 1,
    "checkpoint": 3,
    "store": 2,
    "onnx": 2,
}
_KINDS = tuple(kind for kind, share in SHARES.items() for _ in range(share))


def kind_of(index: int) -> str:
    """What a run breaks."""
    return _KINDS[index * 7 % len(_KINDS)]  # 7: neighbours are of different kinds


def mutate(data: bytes, random: Random, *, text: bool) -> bytes:
    """A few mutations, one after the other; of text files mostly by what the text says."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        chosen = random.choice(_OF_TEXT if text and random.random() < 0.7 else _OF_BYTES)
        data = chosen(data, random)
    return data


def _range(data: bytes, random: Random) -> tuple[int, int]:
    """A part of the file, mostly short."""
    start = random.randrange(len(data) + 1)
    longest = random.choice((4, 64, 1024, len(data) + 1))
    return start, min(len(data), start + random.randrange(longest))


def _flip_bits(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    # Headers are where a reader decides what to do.
    end = random.choice((len(data), min(len(data), 256)))
    for _ in range(random.choice((1, 1, 8, 64)) if end else 0):
        changed[random.randrange(end)] ^= 1 << random.randrange(8)
    return bytes(changed)


def _cut_end(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _of_a_part(change: Mutation) -> Mutation:
    """Changes a part of the file as a whole."""

    def mutation(data: bytes, random: Random) -> bytes:
        start, end = _range(data, random)
        return data[:start] + change(data[start:end], random) + data[end:]

    return mutation


def _swap_parts(data: bytes, random: Random) -> bytes:
    (a, b), (c, d) = sorted((_range(data, random), _range(data, random)))
    b = min(b, c)
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def _wrong_length(data: bytes, random: Random) -> bytes:
    """What may be a length or a count, of either byte order, becomes another one."""
    width, order = random.choice((1, 2, 4, 8)), random.choice(("big", "little"))
    start = random.randrange(max(1, min(len(data), random.choice((256, len(data) + 1))) - width))
    old = int.from_bytes(data[start : start + width], order)
    new = random.choice((*_LENGTHS, old + 1, old - 1, old * 2)) % 256**width
    return data[:start] + new.to_bytes(width, order) + data[start + width :]


def _change_token(data: bytes, random: Random) -> bytes:
    start, end = _range(data, random)
    end = min(end, start + 8)
    return data[:start] + random.choice(_TOKENS) + data[end:]


def _change_lines(data: bytes, random: Random) -> bytes:
    lines = data.split(b"\n")
    first, second = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(3):
        case 0:
            lines[first], lines[second] = lines[second], lines[first]
        case 1:
            lines.insert(second, lines[first])
        case _:
            del lines[first]
    return b"\n".join(lines)


def _change_json(data: bytes, random: Random) -> bytes:
    """One value or key of a JSON file, or of one line of JSON Lines; CSV has its tokens changed."""
    for content, before, after in ((data, b"", b""), _one_line(data, random)):
        try:
            value = json.loads(content)
        except (ValueError, RecursionError):
            continue
        _change_inside(value, random)
        return before + json.dumps(value).encode() + after
    return _change_token(data, random)


def _one_line(data: bytes, random: Random) -> tuple[bytes, bytes, bytes]:
    lines = data.split(b"\n")
    number = random.randrange(len(lines))
    before, after = lines[:number], lines[number + 1 :]
    return lines[number], b"".join(line + b"\n" for line in before), b"\n" + b"\n".join(after)


def _change_inside(value: Any, random: Random) -> None:
    places: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        if not isinstance(inner, dict | list):
            continue
        for key in inner if isinstance(inner, dict) else range(len(inner)):
            places.append((inner, key))
            waiting.append(inner[key])
    if not places:
        return
    holder, key = random.choice(places)
    match random.randrange(5):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[random.choice(("", "x", f"{key} "))] = holder.pop(key)
        case 2 if type(holder[key]) is int:
            holder[key] = random.choice((holder[key] + 1, 2 * holder[key], 1, 2**20))
        case 2:
            other, name = random.choice(places)
            holder[key] = json.loads(json.dumps(other[name]))
        case _:
            holder[key] = random.choice(_VALUES)


_OF_BYTES: tuple[Mutation, ...] = (
    _flip_bits,
    _cut_end,
    _of_a_part(lambda part, random: b""),
    _of_a_part(lambda part, random: bytes(len(part))),
    _of_a_part(lambda part, random: random.randbytes(len(part))),
    _of_a_part(lambda part, random: part * random.choice((2, 2, 4))),
    _swap_parts,
    _wrong_length,
)
_OF_TEXT: tuple[Mutation, ...] = (_change_json, _change_json, _change_token, _change_lines)

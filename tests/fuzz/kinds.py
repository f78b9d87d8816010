"""What runs break, by their numbers."""

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

"""What features are kept under: the bytes of their source and the fingerprint of their recipe."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from stillseek.errors import MediaError

# Of a fingerprint, in the name of an entry.
FINGERPRINT_DIGITS = 16
KINDS = ("videos", "queries")
# What `entry_name` gives, and nothing else: what looks after a store deletes files by it.
_ENTRY = re.compile(
    r"(?:videos|(?P<query>queries))/(?P<start>[0-9a-f]{2})/(?P=start)[0-9a-f]{62}"
    r"(?(query)(?:-at--?\d+\.\d{6})?(?:-box(?:--?\d+){4})?)"
    rf"\.[0-9a-f]{{{FINGERPRINT_DIGITS}}}\.safetensors"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoKey:
    """Which features of which video.

    Attributes:
        content: `content_hash` of the video file.
        fingerprint: Fingerprint of the recipe.
    """

    content: str
    fingerprint: str

    @property
    def stem(self) -> str:
        """Place in the store, without the recipe."""
        return f"videos/{self.content[:2]}/{self.content}"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryKey:
    """Which features of which query image.

    Attributes:
        content: `content_hash` of the image file, or of the video that the frame is from.
        fingerprint: Fingerprint of the recipe.
        frame_seconds: Time of the frame in the video; None for an image file.
        box: Left, top, width, height in pixels; None for the whole image.
    """

    content: str
    fingerprint: str
    frame_seconds: float | None = None
    box: tuple[int, int, int, int] | None = None

    @property
    def stem(self) -> str:
        """Place in the store, without the recipe."""
        frame = "" if self.frame_seconds is None else f"-at-{self.frame_seconds:.6f}"
        box = "" if self.box is None else "-box-" + "-".join(map(str, self.box))
        return f"queries/{self.content[:2]}/{self.content}{frame}{box}"


def entry_name(key: VideoKey | QueryKey) -> str:
    """Place of an entry in the store."""
    return f"{key.stem}.{key.fingerprint[:FINGERPRINT_DIGITS]}.safetensors"


def is_entry_name(name: str) -> bool:
    """Whether a file at this place below a store is an entry, and not somebody else's file."""
    return _ENTRY.fullmatch(name) is not None


def content_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits.

    It reads at 1 GB/s or more where the processor has instructions for it, and a video takes some
    MB a minute: hashing is below a hundredth of decoding, and not worth a cache that could lie.

    Raises:
        MediaError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        advice = "its permissions" if isinstance(error, PermissionError) else "the path"
        raise MediaError(f"cannot read {path} ({error.strerror}); check {advice}") from error

"""What clients send and are told, as the OpenAPI schema has it."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from stillseek.features.recipes.recipe import MIN_BOX_PIXELS
from stillseek.web.refusals import ErrorType

# A year: no time of a video is later.
_MOST_SECONDS = 3.2e7
_MOST_PIXELS = 1 << 20

Seconds = Annotated[FiniteFloat, Field(ge=0, le=_MOST_SECONDS)]
Source = Annotated[
    str,
    Field(
        pattern=r"^(upload|folder|library):.+",
        max_length=2000,
        description="upload:ID, folder:NAME/path of a file in an allowed folder, or library:VIDEO",
        examples=["folder:videos/match.mp4"],
    ),
]
Pixels = Annotated[int, Field(ge=0, le=_MOST_PIXELS)]
Name = Annotated[str, Field(max_length=200)]
SourceKind = Literal["video", "image"]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Fault(BaseModel):
    """What went wrong."""

    type: ErrorType
    message: str = Field(examples=["there is no upload '12ab'; it may have expired: send it again"])


class ErrorOut(BaseModel):
    """Every answer that is no success."""

    error: Fault


class Limits(BaseModel):
    """What the service takes."""

    max_upload_bytes: int
    max_queries: int
    max_top: int
    keep_hours: float
    queue: int


class Health(BaseModel):
    """How the service is."""

    status: Literal["ok", "failing"]
    version: str
    recipe: str
    is_calibrated: bool
    has_library: bool
    folders: list[str]
    limits: Limits


class UploadOut(BaseModel):
    """A file that a client sent."""

    id: str
    source: Source
    name: str
    kind: SourceKind
    size_bytes: int
    duration_seconds: float | None
    width: int
    height: int
    expires_at: float = Field(description="seconds since 1970")


class Entry(BaseModel):
    """A file or folder in an allowed folder."""

    name: str
    kind: Literal["folder", "video", "image"]
    source: str | None
    size_bytes: int | None


class Entries(BaseModel):
    """What is in an allowed folder."""

    folder: str
    path: str
    entries: list[Entry]


class MediaInfo(BaseModel):
    """A file as it is seen: after rotation, with square pixels."""

    source: Source
    name: str
    kind: SourceKind
    duration_seconds: float | None
    width: int
    height: int
    frame_rate: float | None
    is_playable: bool = Field(description="whether browsers play it as it is")


class Query(_In):
    """A picture of the activity, or a paused frame of a video."""

    source: Source = Field(examples=["folder:pictures/handball.jpg"])
    seconds: Seconds | None = Field(None, description="time of the frame, where it is a video")
    box: tuple[Pixels, Pixels, Pixels, Pixels] | None = Field(
        None, description="left, top, width, height in pixels of the picture as shown"
    )
    is_unlike: bool = Field(False, description="it shows what the activity is not")

    @model_validator(mode="after")
    def _is_whole(self) -> "Query":
        if self.box is not None and min(self.box[2:]) < MIN_BOX_PIXELS:
            raise ValueError(f"a box has at least {MIN_BOX_PIXELS} x {MIN_BOX_PIXELS} pixels")
        if self.is_unlike and self.box is not None:
            raise ValueError("a picture of what the activity is not is taken whole; leave box out")
        return self


def _with_wanted(queries: list[Query]) -> list[Query]:
    if all(query.is_unlike for query in queries):
        raise ValueError("every picture is_unlike; give one of what the activity is")
    return queries


Queries = Annotated[list[Query], Field(min_length=1), AfterValidator(_with_wanted)]


class LocateIn(_In):
    """Find where in a video the activity of pictures happens."""

    kind: Literal["locate"]
    video: Source
    queries: Queries
    top: int = Field(1, ge=1, description="most moments")


class SearchIn(_In):
    """Find the videos of the library that show the activity of pictures, best first."""

    kind: Literal["search"]
    queries: Queries
    limit: int = Field(10, ge=1, description="most videos")
    within: str | None = Field(
        None, alias="in", max_length=200, description="pattern of names", examples=["videos/2026*"]
    )


class _Span(_In):
    start_seconds: Seconds
    end_seconds: Seconds

    @model_validator(mode="after")
    def _is_forward(self) -> "_Span":
        if not self.start_seconds < self.end_seconds:
            raise ValueError("start_seconds must be before end_seconds")
        return self


class SimilarIn(_Span):
    """Find more like a moment of a video in the library; that moment itself is passed over."""

    kind: Literal["similar"]
    source: Source
    limit: int = Field(10, ge=1, description="most videos")


class AddIn(_In):
    """Add the videos of an allowed folder, or of one below it, to the library."""

    kind: Literal["add"]
    folder: Annotated[str, Field(max_length=300, examples=["videos"])]
    path: Annotated[str, Field(max_length=2000)] = ""


class Moment(_Span):
    """A part of a video that was found or chosen."""

    source: Source
    name: Name | None = None


class ScoredMoment(Moment):
    """The same, with its score."""

    score: Annotated[FiniteFloat, Field(ge=0, le=1)] | None = None


PadSeconds = Annotated[FiniteFloat, Field(ge=0, le=3600)]


class CutIn(_In):
    """Cut moments out of videos, into one ZIP."""

    kind: Literal["cut"]
    moments: list[Moment] = Field(min_length=1, max_length=200)
    # A model has a method of the other name.
    is_copied: bool = Field(False, alias="copy", description="at key frames, without encoding")
    pad_seconds: PadSeconds = 0.0


class PreviewIn(_In):
    """Make a video that browsers play of one that they do not; see /media/preview."""

    kind: Literal["preview"]
    source: Source


JobIn = Annotated[
    LocateIn | SearchIn | SimilarIn | AddIn | CutIn | PreviewIn, Field(discriminator="kind")
]


class ExportIn(_In):
    """Write moments as a list that another program reads."""

    format: Literal["edl", "fcpxml", "otio", "vtt", "csv", "json", "premiere.csv", "resolve.csv"]
    moments: list[ScoredMoment] = Field(min_length=1, max_length=1000)
    pad_seconds: PadSeconds = Field(0.0, description="handles before and after every moment")
    start_at_zero: bool = Field(False, description="whatever time code the file has")


class Progress(BaseModel):
    """How far a job is."""

    fraction: float = Field(ge=0, le=1)
    message: str
    seconds_left: float | None


JobKind = Literal["locate", "search", "similar", "cut", "add", "preview"]


class JobOut(BaseModel):
    """A job."""

    id: str
    kind: JobKind
    status: Literal["queued", "running", "done", "failed", "cancelled"]
    progress: Progress | None
    position: int | None = Field(description="jobs that are before it in the queue")
    created_at: float = Field(description="seconds since 1970")
    request: dict[str, Any] = Field(description="what was submitted")
    error: Fault | None


class LabelIn(_Span):
    """A moment that somebody kept or skipped."""

    source: Source
    label: str = Field(min_length=1, max_length=200, examples=["handball"])
    is_kept: bool
    score: Annotated[FiniteFloat, Field(ge=0, le=1)] | None = None
    query: str | None = Field(None, max_length=2000)
    id: str | None = Field(None, max_length=64, description="of the label that this one replaces")


class LabelOut(BaseModel):
    """A label."""

    id: str
    source: str
    video: str
    start_seconds: float
    end_seconds: float
    label: str
    is_kept: bool
    score: float | None
    query: str | None
    time: str


class Labels(BaseModel):
    """All labels."""

    labels: list[LabelOut]


class LibraryOut(BaseModel):
    """How much a library holds."""

    recipe: str
    roots: list[str]
    videos: int
    failed: int
    seconds: float
    clips: int
    rows: int
    index_bytes: int
    feature_bytes: int


class LibraryVideo(BaseModel):
    """A video of the library."""

    source: str
    name: str
    duration_seconds: float


class LibraryVideos(BaseModel):
    """Some of the videos of the library."""

    total: int
    videos: list[LibraryVideo]

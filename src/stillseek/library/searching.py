"""What a library answers: its videos that show what a picture shows, from the index as of now."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from stillseek.errors import FeatureError, LibraryError, UsageError
from stillseek.features import (
    DEFAULT_RECIPE,
    QueryFeatures,
    Recipe,
    RecipeOptions,
    content_hash,
    load_recipe,
)
from stillseek.files import as_path
from stillseek.library.adding import file_state
from stillseek.library.index import Index, current
from stillseek.library.index_tables import IndexedVideo
from stillseek.library.looking import Look, Snapshot, encoded, filtered, ranked
from stillseek.library.published import fetch
from stillseek.library.settings import Settings
from stillseek.library.shortlist import Asked
from stillseek.localize.arguments import check_whole, checked_boxes
from stillseek.localize.query_image import (
    Box,
    Picture,
    QueryImage,
    VideoFrame,
    mirrored,
    query_images,
    refuse_contradiction,
)
from stillseek.localize.ranking import Ranking

if TYPE_CHECKING:
    from stillseek.localize.localizer import Localizer

# What is said of what a writer has just removed; a search then reads again.
_OVERTAKEN = (FeatureError, LibraryError)
_ATTEMPTS = 5


class SearchableLibrary:
    """What a library answers.

    Args:
        folder: Where it is, or will be.

    Attributes:
        folder: Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._origin: str | None = None
        self._wanted: tuple[str | Recipe | None, RecipeOptions | None] = (None, None)
        self._recipe: Recipe | None = None
        self._snapshot: Snapshot | None = None
        self._localizer: Localizer | None = None

    @property
    def is_calibrated(self) -> bool:
        """Whether the index says how sure it is that an activity is in a video."""
        return Index.of(current(self.folder)).space.calibration is not None

    def search(
        self,
        images: Picture | Sequence[Picture],
        *,
        boxes: Sequence[Box | None] | None = None,
        unlike: Picture | Sequence[Picture] | None = None,
        top: int = 10,
        moments: int = 1,
        within: str | Sequence[str] | Callable[[str], bool] | None = None,
        since: datetime | None = None,
        min_duration_seconds: float = 0.0,
        fast: bool = False,
        localizer: "Localizer | None" = None,
    ) -> Ranking:
        """The videos that show the activity of pictures, best first, each with its moments.

        Every row of the index is compared with the pictures; a head then looks at the best videos,
        from the features in the library: no video is read.

        Args:
            images: As for `Localizer.locate`.
            boxes: As for `Localizer.locate`.
            unlike: As for `Localizer.locate`.
            top: Most videos.
            moments: Most moments of a video.
            within: A name (`IndexedVideo.name`), which means that video alone; a folder, as names
                begin or by its path; or a pattern of names or paths or the ends of them, such as
                ``2024/*`` or ``match.mp4``, which one video must fit; or several of these: videos
                that fit none are left out. Or a function that says of a name whether it fits.
            since: Videos whose files are older are left out.
            min_duration_seconds: Shorter videos are left out.
            fast: Leaves the head out: likeness alone says where.
            localizer: Another head of the library's recipe than the shipped one.

        Raises:
            UsageError: An argument is wrong.
            LibraryError: There is no library, or it is of another recipe.
            MediaError: A picture cannot be read.
        """
        return self._find(
            query_images(images),
            boxes,
            () if unlike is None else query_images(unlike, "unlike"),
            lambda snapshot: filtered(snapshot, within, since, min_duration_seconds),
            top=top,
            moments=moments,
            fast=fast,
            localizer=localizer,
        )

    def similar(
        self,
        video: Path | str,
        seconds: float,
        *,
        top: int = 10,
        moments: int = 1,
        fast: bool = False,
        localizer: "Localizer | None" = None,
    ) -> Ranking:
        """More like what a video shows at a time: that moment itself is passed over, in copies too.

        Args:
            video: The video file, or its name in the library.
            seconds: Time in it.
            top: Most videos.
            moments: Most moments of a video.
            fast: As for `search`.
            localizer: As for `search`.

        Raises:
            UsageError: The video has no such time.
            MediaError: It cannot be read.
        """
        settings, path = current(self.folder), as_path(video, "video")
        videos = Index.of(settings).tables.videos()
        if not path.exists() and str(path) in videos:
            path = settings.path(str(path))
        return self._find(
            query_images(VideoFrame(path, seconds)),
            None,
            (),
            filtered,
            top=top,
            moments=moments,
            fast=fast,
            localizer=localizer,
            without=(_content(path, settings.name(path), videos), seconds),
        )

    @property
    def recipe(self) -> Recipe:
        """How pixels become features.

        Raises:
            LibraryError: This version of it is not the library's.
        """
        settings = Settings.read(self.folder)
        if self._recipe is None:
            recipe, options = self._wanted
            if settings is not None and options is None:
                options = settings.recipe.options
            if not isinstance(recipe, Recipe):
                name = settings.recipe.name if settings else recipe or DEFAULT_RECIPE
                recipe = load_recipe(name, options or RecipeOptions())
            self._recipe = recipe
        found = self._recipe
        if settings is not None and settings.recipe.fingerprint != found.fingerprint:
            raise LibraryError(
                f"the library {self.folder} was made by recipe {settings.recipe.name} with "
                f"fingerprint {settings.recipe.fingerprint[:16]}, and here {found.name} has "
                f"{found.fingerprint[:16]}; use the same weights and options, or make its index "
                f"anew with stillseek library migrate {self.folder} --recipe {found.name}"
            )
        return found

    def _find(
        self,
        pictures: tuple[QueryImage, ...],
        boxes: Sequence[Box | None] | None,
        others: tuple[QueryImage, ...],
        may: Callable[[Snapshot], dict[int, list[IndexedVideo]]],
        *,
        top: int,
        moments: int,
        fast: bool,
        localizer: "Localizer | None",
        without: tuple[str, float] | None = None,
    ) -> Ranking:
        """Encodes the pictures once, and compares them with what is there now."""
        if fast and localizer is not None:
            raise UsageError("fast leaves the head out; leave the localizer out, or fast")
        self._refresh()
        current(self.folder)
        head = None if fast else localizer or self._head()
        check_whole("top", top)
        check_whole("moments", moments)
        if min(top, moments) < 1:
            raise UsageError(f"top and moments must be at least 1, got {top} and {moments}")
        parts = checked_boxes(boxes, len(pictures))
        refuse_contradiction(pictures, parts, others)
        query = None
        if head is None:
            wanted = encoded(self.recipe, pictures, parts, "images")
            unwanted = encoded(self.recipe, others, (None,) * len(others), "unlike")
        else:
            query = head.encode_query(pictures, boxes=parts, unlike=others or None)
            wanted, unwanted = query.features, query.features_of_unlike
        other_side: tuple[QueryFeatures, ...] = ()
        if not self.recipe.mirrored:  # an activity has no side
            sides = [mirrored(*each) for each in zip(pictures, parts, strict=True)]
            flipped, flipped_parts = zip(*sides, strict=True)
            other_side = encoded(self.recipe, flipped, flipped_parts, "images")
        look = Look(
            localizer=head,
            recipe=self.recipe.name,
            moments=moments,
            query=query,
            without=without,
        )
        for attempt in range(_ATTEMPTS):
            passed_over = _OVERTAKEN if attempt < _ATTEMPTS - 1 else ()
            with suppress(*passed_over):
                if attempt:
                    self._refresh()
                snapshot = self._read(is_again=attempt > 0)
                space = snapshot.index.space
                asked = Asked(
                    images=pictures,
                    boxes=parts,
                    unlike=others,
                    wanted=space.question(
                        [each.global_feature for each in QueryFeatures.distinct(wanted)],
                        [each.global_feature for each in QueryFeatures.distinct(other_side)],
                    ),
                    unwanted=tuple(space.question([each.global_feature]) for each in unwanted),
                )
                return ranked(snapshot, asked, may(snapshot), look, top, is_last=not passed_over)
        raise AssertionError  # the last attempt returns or raises

    def _head(self) -> "Localizer":
        from stillseek.localize.localizer import Localizer

        recipe = self.recipe
        if self._localizer is None:
            self._localizer = Localizer.load(recipe)
        return self._localizer

    def _refresh(self) -> None:
        """Where the library is a published one: the index as of now."""
        if self._origin is not None:
            fetch(self._origin)

    def _read(self, *, is_again: bool) -> Snapshot:
        """All rows, as of now; what was read before stays while nothing is written."""
        settings = current(self.folder)
        held = None if is_again else self._snapshot
        if held is not None and held.settings.index != settings.index:
            held = None
        index = held.index if held else Index.of(settings)
        version = index.tables.version
        if held is None or held.version != version:
            videos, rows = index.tables.videos(), index.tables.rows()
        else:
            videos, rows = held.videos, held.rows
        self._snapshot = Snapshot(
            settings=settings, index=index, version=version, videos=videos, rows=rows
        )
        return self._snapshot


def _content(path: Path, name: str | None, videos: dict[str, IndexedVideo]) -> str:
    """The hash of a file by which an index knows it; empty where nothing in it can be the same.

    A file that the index has under its name is not read.
    """
    if name in videos:
        return videos[name].content
    state = file_state(path)
    if state is None or state[0] not in {video.size_bytes for video in videos.values()}:
        return ""
    return content_hash(path)

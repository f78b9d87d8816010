"""A library: an index over many videos, made once and asked with pictures for ever."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from stillseek.errors import FeatureError, LibraryError, UsageError
from stillseek.features import (
    DEFAULT_RECIPE,
    ExtractionProgress,
    QueryFeatures,
    Recipe,
    RecipeOptions,
    VideoOutcome,
    load_recipe,
)
from stillseek.features.extraction.engines import ExtractionEngine, extractor
from stillseek.files import as_path, refuse_url
from stillseek.library import care
from stillseek.library.adding import AddReport, add_files, with_roots
from stillseek.library.index import Index, current, make_index, writing
from stillseek.library.index_tables import IndexedVideo
from stillseek.library.looking import Look, Snapshot, encoded, filtered, ranked
from stillseek.library.settings import LibraryRecipe, Settings
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


class Library:
    """An index over many videos in a folder of its own.

    One process writes at a time; any number searches meanwhile.

    Example:
        >>> library = Library.open("library")  # doctest: +SKIP
        >>> library.add("/videos")  # doctest: +SKIP
        >>> library.search("handball.jpg").results[0].moments  # doctest: +SKIP

    Args:
        folder: Where it is, or will be.

    Attributes:
        folder: Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._wanted: tuple[str | Recipe | None, RecipeOptions | None] = (None, None)
        self._recipe: Recipe | None = None
        self._snapshot: Snapshot | None = None
        self._localizer: Localizer | None = None

    @classmethod
    def open(
        cls,
        folder: Path | str,
        *,
        recipe: str | Recipe | None = None,
        recipe_options: RecipeOptions | None = None,
    ) -> "Library":
        """A library that is there, or that the first `add` makes.

        Args:
            folder: Its folder.
            recipe: How pixels become features; None is that of the library, or lite for a new one.
            recipe_options: How the recipe of a name is loaded.

        Raises:
            LibraryError: What is there is no library, of another version, or of another recipe.
            UsageError: The folder is a URL.
        """
        place = as_path(folder, "library")
        refuse_url(place, "the library", advice="mount the share that has it")
        library = cls(place)
        library._wanted = (recipe, recipe_options)
        settings = Settings.read(place)
        name = recipe.name if isinstance(recipe, Recipe) else recipe
        if settings is not None and name is not None and name != settings.recipe.name:
            raise LibraryError(
                f"the library {place} is of recipe {settings.recipe.name}, not of {name}; leave "
                f"the recipe out, or change it with stillseek library migrate {place} --recipe "
                f"{name}"
            )
        return library

    def add(
        self,
        *places: Path | str,
        root: str | None = None,
        workers: int | None = None,
        engine: ExtractionEngine = "local",
        may_read: Callable[[Path], bool] | None = None,
        on_progress: Callable[[ExtractionProgress], None] | None = None,
        on_outcome: Callable[[VideoOutcome], None] | None = None,
    ) -> AddReport:
        """Brings the library up to date with files and folders.

        A file of the same size and time as before costs a stat. One whose bytes are known (moved,
        copied, touched) is read once, and not encoded. Files of these folders that are gone leave
        the index. One that cannot be read is kept as such, and tried again when it changes. It may
        be stopped at any moment, and goes on when it is called again.

        Args:
            places: Video files, and folders that are searched for them.
            root: Name of the one folder given, under which its files are known: where it is known
                already, its files are where the folder is now.
            workers: As for `stillseek.features.extract`.
            engine: This process, or Ray, on the cluster that ``RAY_ADDRESS`` names.
            may_read: Says of a video file whether it is looked at; None takes all.
            on_progress: Called after every batch and every video.
            on_outcome: Called for each video that is in the library now, or could not be read.

        Raises:
            UsageError: A place is not there, or a folder has no video in it.
            LibraryError: Another process is writing, or the recipe is another one by now.
            FeatureError: The library cannot be written.
        """
        paths = [as_path(place, f"places[{number}]") for number, place in enumerate(places)]
        if not paths:
            raise UsageError("nothing to add; give video files or folders")
        for path in paths:
            if not path.exists():
                raise UsageError(f"there is no file or folder {path}; check the path")
        with writing(self.folder):
            settings = self._settings_for_writing()
            if root is not None:
                if len(paths) != 1 or not paths[0].is_dir():
                    raise UsageError(
                        f"root {root!r} needs one folder; give the folder of its files"
                    )
                if not root or "/" in root:
                    raise UsageError(f"the name of a root has no /, got {root!r}; give another")
                settings = settings.with_root(paths[0], root)
            settings = with_roots(settings, paths)
            settings.write()
            recipe = self.recipe
            return add_files(
                settings,
                Index(self.folder, settings.index, recipe.fingerprint),
                paths,
                extractor(engine, recipe, settings.recipe.name, settings.recipe.options),
                workers=workers,
                may_read=may_read,
                on_progress=on_progress,
                on_outcome=on_outcome,
            )

    def add_roots(self, *folders: Path | str) -> None:
        """Makes folders known under their names, without looking for videos.

        Args:
            folders: Folders of videos.

        Raises:
            LibraryError: Another process is writing.
        """
        with writing(self.folder):
            paths = [as_path(folder, "folder") for folder in folders]
            with_roots(self._settings_for_writing(), paths).write()

    @property
    def is_calibrated(self) -> bool:
        """Whether the index says how sure it is that an activity is in a video."""
        settings = current(self.folder)
        index = Index(self.folder, settings.index, settings.recipe.fingerprint)
        return index.space.calibration is not None

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
            within: Pattern of names (`IndexedVideo.name`) or paths, or several: videos that fit
                none are left out; or a function that says of a name whether it fits.
            since: Videos whose files are older are left out.
            min_duration_seconds: Shorter videos are left out.
            fast: Leaves the head out: likeness alone says where, and PyTorch is not imported.
            localizer: Another head of the library's recipe than the shipped one.

        Raises:
            UsageError: An argument is wrong.
            LibraryError: There is no library, or it is of another recipe.
            MediaError: A picture cannot be read.
        """
        _check_head(fast, localizer)
        current(self.folder)
        look = Look(
            localizer=None if fast else localizer or self._head(),
            recipe=self.recipe.name,
            moments=moments,
        )
        return self._find(
            query_images(images),
            boxes,
            () if unlike is None else query_images(unlike, "unlike"),
            look,
            lambda snapshot: filtered(snapshot, within, since, min_duration_seconds),
            top=top,
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
        """More like what a video shows at a time: that moment itself is passed over.

        Args:
            video: The video file.
            seconds: Time in it.
            top: Most videos.
            moments: Most moments of a video.
            fast: As for `search`.
            localizer: As for `search`.

        Raises:
            UsageError: The video has no such time.
            MediaError: It cannot be read.
        """
        _check_head(fast, localizer)
        name = current(self.folder).name(as_path(video, "video"))
        look = Look(
            localizer=None if fast else localizer or self._head(),
            recipe=self.recipe.name,
            moments=moments,
            without=None if name is None else (name, seconds),
        )
        frame = query_images(VideoFrame(video, seconds))
        return self._find(frame, None, (), look, filtered, top=top)

    def _find(
        self,
        pictures: tuple[QueryImage, ...],
        boxes: Sequence[Box | None] | None,
        others: tuple[QueryImage, ...],
        look: "Look",
        may: Callable[[Snapshot], dict[int, IndexedVideo]],
        *,
        top: int,
    ) -> Ranking:
        """Encodes the pictures once, and compares them with what is there now."""
        check_whole("top", top)
        check_whole("moments", look.moments)
        if min(top, look.moments) < 1:
            raise UsageError(f"top and moments must be at least 1, got {top} and {look.moments}")
        parts = checked_boxes(boxes, len(pictures))
        refuse_contradiction(pictures, parts, others)
        if look.localizer is None:
            wanted = encoded(self.recipe, pictures, parts, "images")
            unwanted = encoded(self.recipe, others, (None,) * len(others), "unlike")
        else:
            query = look.localizer.encode_query(pictures, boxes=parts, unlike=others or None)
            wanted, unwanted = query.features, query.features_of_unlike
            look = replace(look, query=query)
        other_side: tuple[QueryFeatures, ...] = ()
        if not self.recipe.mirrored:  # an activity has no side
            sides = [mirrored(*each) for each in zip(pictures, parts, strict=True)]
            flipped, flipped_parts = zip(*sides, strict=True)
            other_side = encoded(self.recipe, flipped, flipped_parts, "images")
        for attempt in range(_ATTEMPTS):
            passed_over = _OVERTAKEN if attempt < _ATTEMPTS - 1 else ()
            with suppress(*passed_over):
                snapshot = self._read(is_again=attempt > 0)
                space = snapshot.index.space
                asked = Asked(
                    images=pictures,
                    boxes=parts,
                    unlike=others,
                    wanted=space.question(
                        [each.global_feature for each in wanted],
                        [each.global_feature for each in other_side],
                    ),
                    unwanted=tuple(space.question([each.global_feature]) for each in unwanted),
                )
                return ranked(snapshot, asked, may(snapshot), look, top, is_last=not passed_over)
        raise AssertionError  # the last attempt returns or raises

    def videos(self) -> tuple[IndexedVideo, ...]:
        """What is in the library, in order of name, files that could not be read included."""
        settings = current(self.folder)
        index = Index(self.folder, settings.index, settings.recipe.fingerprint)
        return tuple(index.tables.videos().values())

    def path(self, video: IndexedVideo) -> Path:
        """Where the file of a video is."""
        return current(self.folder).path(video.name)

    def stats(self) -> care.LibraryStats:
        """How much there is of what."""
        return care.stats(current(self.folder))

    def verify(self, *, on_progress: Callable[[int, int], None] | None = None) -> care.LibraryCheck:
        """Whether features, rows and files are those that the library says."""
        return care.verify(current(self.folder), on_progress=on_progress)

    def remove(self, *patterns: str | Path) -> tuple[str, ...]:
        """Removes videos from the library, with their features; no video file is touched.

        What is left of files that are gone goes as well.

        Args:
            patterns: Paths, names, or patterns of either.

        Returns:
            The names that were removed.

        Raises:
            UsageError: A pattern fits nothing.
            LibraryError: Another process is writing.
        """
        current(self.folder)  # else the right to write would make its folder
        with writing(self.folder):
            return care.remove(current(self.folder), [str(pattern) for pattern in patterns])

    def migrate(
        self,
        recipe: str | Recipe | None = None,
        *,
        recipe_options: RecipeOptions | None = None,
        workers: int | None = None,
        engine: ExtractionEngine = "local",
        on_progress: Callable[[ExtractionProgress], None] | None = None,
    ) -> None:
        """Makes the index anew by another recipe; the old one answers until the new one is whole.

        It may be stopped at any moment, and goes on when it is called again.

        Args:
            recipe: The recipe; None keeps the library's, as after an update of stillseek.
            recipe_options: How the recipe of a name is loaded.
            workers: As for `add`.
            engine: As for `add`.
            on_progress: As for `add`.

        Raises:
            LibraryError: A video is not there or cannot be read any more: the old index stays.
        """
        current(self.folder)
        with writing(self.folder):
            settings = current(self.folder)
            if recipe is None:
                recipe, recipe_options = settings.recipe.name, settings.recipe.options
            options = recipe_options or RecipeOptions()
            loaded = recipe if isinstance(recipe, Recipe) else load_recipe(recipe, options)
            care.migrate(
                settings,
                loaded,
                options,
                extractor(engine, loaded, loaded.name, options),
                workers=workers,
                on_progress=on_progress,
            )
            self._recipe, self._wanted = loaded, (loaded, options)
            self._snapshot = self._localizer = None

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

    def _settings_for_writing(self) -> Settings:
        """The settings, with an index for the recipe where there was no library."""
        settings = Settings.read(self.folder)
        recipe = self.recipe
        if settings is not None:
            return settings
        options = self._wanted[1] or RecipeOptions()
        return Settings(
            folder=self.folder,
            recipe=LibraryRecipe(name=recipe.name, options=options, fingerprint=recipe.fingerprint),
            index=make_index(self.folder, recipe),
        )

    def _head(self) -> "Localizer":
        from stillseek.localize.localizer import Localizer

        recipe = self.recipe
        if self._localizer is None:
            self._localizer = Localizer.load(recipe)
        return self._localizer

    def _read(self, *, is_again: bool) -> Snapshot:
        """All rows, as of now; what was read before stays while nothing is written."""
        settings = current(self.folder)
        held = None if is_again else self._snapshot
        if held is None or held.settings.index != settings.index:
            index = Index(self.folder, settings.index, settings.recipe.fingerprint)
        else:
            index = held.index
        version = index.tables.version
        if held is None or held.index is not index or held.version != version:
            videos, rows = index.tables.videos(), index.tables.rows()
        else:
            videos, rows = held.videos, held.rows
        self._snapshot = Snapshot(
            settings=settings, index=index, version=version, videos=videos, rows=rows
        )
        return self._snapshot


def _check_head(fast: bool, localizer: "Localizer | None") -> None:
    if fast and localizer is not None:
        raise UsageError("fast leaves the head out; leave the localizer out, or fast")

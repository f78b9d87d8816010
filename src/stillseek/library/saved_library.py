"""A library: an index over many videos, made once and asked with pictures for ever."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stillseek.errors import LibraryError, UsageError
from stillseek.features import (
    ExtractionProgress,
    Recipe,
    RecipeOptions,
    VideoOutcome,
    load_recipe,
)
from stillseek.features.extraction.engines import ExtractionEngine, extractor
from stillseek.files import as_path
from stillseek.library import care
from stillseek.library.adding import AddReport, add_files, with_roots
from stillseek.library.index import Index, current, make_index, space_of, writing
from stillseek.library.index_tables import IndexedVideo
from stillseek.library.published import Published, fetch, origin_of, publish
from stillseek.library.searching import SearchableLibrary
from stillseek.library.settings import LibraryRecipe, Settings
from stillseek.media.folder import find_videos
from stillseek.outputs import check_folder


class Library(SearchableLibrary):
    """An index over many videos in a folder of its own.

    Made by `open`. One process writes at a time; any number searches meanwhile.

    Example:
        >>> library = Library.open("library")  # doctest: +SKIP
        >>> library.add("/videos")  # doctest: +SKIP
        >>> library.search("handball.jpg").results[0].moments  # doctest: +SKIP
    """

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
            folder: Its folder, or the URL of a published one, which is searched only.
            recipe: How pixels become features; None is that of the library, or lite for a new one.
            recipe_options: How the recipe of a name is loaded.

        Raises:
            LibraryError: What is there is no library, of another version, or of another recipe; or
                there is none at the URL.
            FeatureError: The URL cannot be reached.
            UsageError: It is of no known kind; or a file is where the folder should be.
            InstallationError: What reaches it is not installed.
        """
        place = as_path(folder, "library")
        origin = origin_of(place)
        if origin is None:
            check_folder(place, "library")
        library = cls(fetch(origin) if origin else place)
        library._origin = origin
        library._wanted = (recipe, recipe_options)
        settings = Settings.read(library.folder)
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
        copied, touched) is read once, and not encoded. Files that are gone leave the index: those
        of these folders, and others whose bytes are here. One that cannot be read is kept as such,
        and tried again when it changes. It may be stopped at any moment, and goes on when it is
        called again.

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
            MediaError: A folder given may not be looked into.
            LibraryError: Another process is writing, or the recipe is another one by now.
            FeatureError: The library cannot be written.
        """
        paths = [as_path(place, f"places[{number}]") for number, place in enumerate(places)]
        if not paths:
            raise UsageError("nothing to add; give video files or folders")
        for path in paths:
            if not path.exists():
                raise UsageError(f"there is no file or folder {path}; check the path")
        files = find_videos(paths)  # what has none leaves the library as it is
        if root is not None and (len(paths) != 1 or not paths[0].is_dir()):
            raise UsageError(f"root {root!r} needs one folder; give the folder of its files")
        if root is not None and (not root or "/" in root):
            raise UsageError(f"the name of a root has no /, got {root!r}; give another")
        with self._writing() as settings:
            if root is not None:
                settings = settings.with_root(paths[0], root)
            settings = with_roots(settings, paths)
            settings.write()
            recipe = self.recipe
            return add_files(
                settings,
                Index.of(settings),
                paths,
                files,
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
        paths = [as_path(folder, "folder") for folder in folders]
        with self._writing() as settings:
            with_roots(settings, paths).write()

    def videos(self) -> tuple[IndexedVideo, ...]:
        """What is in the library, in order of name, files that could not be read included."""
        return tuple(Index.of(current(self.folder)).tables.videos().values())

    def path(self, video: IndexedVideo) -> Path:
        """Where the file of a video is."""
        return current(self.folder).path(video.name)

    def stats(self) -> care.LibraryStats:
        """How much there is of what."""
        return care.stats(current(self.folder))

    def verify(self, *, on_progress: Callable[[int, int], None] | None = None) -> care.LibraryCheck:
        """Whether features, rows and files are those that the library says."""
        return care.verify(current(self.folder), on_progress=on_progress)

    def publish(
        self,
        place: Path | str,
        *,
        overwrite: bool = False,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Published:
        """Copies the library to where others search it; only what is not there yet.

        Args:
            place: URL that fsspec knows, such as ``s3://bucket/library``, or a folder: empty,
                or one that this library was published to before.
            overwrite: Whether another library that was published there may be replaced.
            on_progress: Called with the videos done and the videos in total.

        Raises:
            LibraryError: Another process is writing, or something else is there.
            FeatureError: The place cannot be reached.
        """
        current(self.folder)
        with writing(self.folder):
            return publish(current(self.folder), place, overwrite, on_progress)

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

    @contextmanager
    def _writing(self) -> Iterator[Settings]:
        """The right to write to a library that is there, or is made now."""
        if Settings.read(self.folder) is None:
            space_of(self.recipe)  # what is refused leaves no folder
        with writing(self.folder):
            settings = Settings.read(self.folder)
            recipe, options = self.recipe, self._wanted[1] or RecipeOptions()
            yield settings or Settings(
                folder=self.folder,
                recipe=LibraryRecipe(
                    name=recipe.name, options=options, fingerprint=recipe.fingerprint
                ),
                index=make_index(self.folder, recipe),
            )

"""Looking after a store: what it holds, whether it is intact, and what can go."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from stillseek.errors import CorruptFeaturesError
from stillseek.features.store.content_address import FINGERPRINT_DIGITS
from stillseek.features.store.entry_format import CorruptEntryError, read_head
from stillseek.features.store.feature_store import FeatureStore
from stillseek.features.store.store_files import StoreFiles

# A writer makes its temporary file in one go, in seconds; after this it must have died.
_DEAD_AFTER_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeUsage:
    """What a store holds of one recipe.

    Attributes:
        fingerprint: The recipe's fingerprint; its first 16 digits where no header can be read.
        recipe: Name of the recipe; None where no entry says it.
        videos: Entries of videos.
        queries: Entries of query images.
        seconds: Length of the videos together.
        size_bytes: Bytes of all entries.
    """

    fingerprint: str
    recipe: str | None
    videos: int
    queries: int
    seconds: float
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What checking every checksum found.

    Attributes:
        intact: Number of entries that are intact.
        corrupt: Name and error of each one that is not.
    """

    intact: int
    corrupt: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """What can go from a store.

    Attributes:
        entries: Names of entries of recipes that are not kept.
        temporaries: Names of what writers left that died.
        size_bytes: Bytes of both.
    """

    entries: tuple[str, ...]
    temporaries: tuple[str, ...]
    size_bytes: int


def list_recipes(store: FeatureStore) -> list[RecipeUsage]:
    """What a store holds, recipe by recipe, the largest first; reads the heads of all entries."""
    usages: dict[str, RecipeUsage] = {}
    for name in store.files.entries():
        digits = fingerprint_digits(name)
        usage = usages.get(digits) or RecipeUsage(
            fingerprint=digits, recipe=None, videos=0, queries=0, seconds=0.0, size_bytes=0
        )
        header = _header(store.files, name)
        is_video = name.startswith("videos/")
        usages[digits] = RecipeUsage(
            fingerprint=header.get("fingerprint", usage.fingerprint),
            recipe=usage.recipe or header.get("recipe"),
            videos=usage.videos + is_video,
            queries=usage.queries + (not is_video),
            seconds=usage.seconds + header.get("grid", {}).get("duration_seconds", 0.0),
            size_bytes=usage.size_bytes + store.files.size(name),
        )
    return sorted(usages.values(), key=lambda usage: -usage.size_bytes)


def verify(
    store: FeatureStore, *, on_progress: Callable[[int, int], None] | None = None
) -> Verification:
    """Reads every entry whole and compares its checksums.

    Args:
        store: The store.
        on_progress: Called with the entries done and the entries in total.

    Raises:
        FeatureError: An entry cannot be read, which says nothing about its bytes.
    """
    names = list(store.files.entries())
    intact, corrupt = 0, []
    for done, name in enumerate(names, start=1):
        try:
            store.check(name)
            intact += 1
        except FileNotFoundError:
            # A collector has removed it since: it is neither.
            pass
        except CorruptFeaturesError as error:
            corrupt.append((name, str(error)))
        if on_progress is not None:
            on_progress(done, len(names))
    return Verification(intact=intact, corrupt=tuple(corrupt))


def remove_corrupt(store: FeatureStore, names: Collection[str]) -> int:
    """Removes those of the entries that are still corrupt, and returns their number.

    Raises:
        FeatureError: An entry cannot be read or removed.
    """
    removed = 0
    for name in names:
        try:
            store.check(name)
        except FileNotFoundError:
            continue
        except CorruptFeaturesError:
            store.files.remove(name)
            removed += 1
    return removed


def find_garbage(store: FeatureStore, *, keep: Collection[str] | None = None) -> Garbage:
    """What can go: what dead writers left, and entries of other recipes than those to keep.

    Args:
        store: The store.
        keep: Fingerprints of the recipes to keep; None keeps all entries.
    """
    temporaries = store.files.temporaries(older_than_seconds=_DEAD_AFTER_SECONDS)
    entries: list[str] = []
    if keep is not None:
        kept = {fingerprint[:FINGERPRINT_DIGITS] for fingerprint in keep}
        entries = [name for name in store.files.entries() if fingerprint_digits(name) not in kept]
    size = sum(store.files.size(name) for name in (*entries, *temporaries))
    return Garbage(entries=tuple(entries), temporaries=tuple(temporaries), size_bytes=size)


def remove_garbage(store: FeatureStore, garbage: Garbage) -> None:
    """Removes what `find_garbage` found.

    Raises:
        FeatureError: A file cannot be removed.
    """
    for name in (*garbage.entries, *garbage.temporaries):
        store.files.remove(name)


def fingerprint_digits(name: str) -> str:
    """Beginning of the recipe's fingerprint in the name of an entry."""
    return name.split(".")[-2]


def _header(files: StoreFiles, name: str) -> dict[str, Any]:
    """The header of an entry, empty where it cannot be read."""
    try:
        return read_head(lambda start, stop: files.read(name, start, stop)).header
    except (CorruptEntryError, FileNotFoundError):
        return {}

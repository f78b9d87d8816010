"""``stillseek store``: what a feature store holds, whether it is intact, and what can go."""

from dataclasses import asdict
from datetime import timedelta
from fnmatch import fnmatch
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from stillseek.cli.console import print_some, progress_bar
from stillseek.cli.recipe_options import describe_others
from stillseek.errors import UsageError
from stillseek.features import RecipeOptions
from stillseek.files import LEFT_OVER, counted

if TYPE_CHECKING:
    from stillseek.features import FeatureStore
    from stillseek.features.store.store_files import StoreFiles

store = App(name="store")

_DEFAULTS = RecipeOptions()


@store.command
def ls(folder: Path, /, *, json: bool = False) -> None:
    """List what a store holds of each recipe.

    Args:
        folder: Folder of the store, or its URL.
        json: Print one JSON object.
    """
    from stillseek.features.store.verify_and_prune import list_recipes

    usages = list_recipes(open_store(folder))
    if json:
        print(dumps({"store": str(folder), "recipes": [asdict(usage) for usage in usages]}))
        return
    print(f"{'fingerprint':<18}{'recipe':<28}{'videos':>8}{'length':>18}{'queries':>9}{'size':>11}")
    for usage in usages:
        length = str(timedelta(seconds=round(usage.seconds)))
        print(
            f"{usage.fingerprint[:16]:<18}{usage.recipe or '-':<28}{usage.videos:>8}{length:>18}"
            f"{usage.queries:>9}{_size(usage.size_bytes):>11}"
        )


@store.command
def verify(folder: Path, /, *, remove: bool = False, json: bool = False) -> int:
    """Compare the checksums of every entry.

    Exits with 1 where an entry is corrupt.

    Args:
        folder: Folder of the store, or its URL.
        remove: Remove the corrupt entries, so that the next extraction makes them again.
        json: Print one JSON object.
    """
    from stillseek.features.store.verify_and_prune import remove_corrupt
    from stillseek.features.store.verify_and_prune import verify as verify_store

    place = open_store(folder)
    with progress_bar("entries") as advance:
        found = verify_store(place, on_progress=advance)
    removed = remove_corrupt(place, [name for name, _ in found.corrupt]) if remove else 0
    if json:
        corrupt = [{"entry": name, "error": error} for name, error in found.corrupt]
        print(dumps({"intact": found.intact, "corrupt": corrupt, "removed": removed}))
    else:
        words = f", {removed} removed" if remove else ""
        print(f"entries: {found.intact} intact, {len(found.corrupt)} corrupt{words}")
        print_some("error", [error for _, error in found.corrupt])
    return 1 if found.corrupt else 0


@store.command
def gc(
    folder: Path,
    /,
    *,
    keep_recipe: tuple[str, ...] = (),
    fingerprint: tuple[str, ...] = (),
    options: Annotated[RecipeOptions, Parameter(name="*")] = _DEFAULTS,
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """Remove what nobody needs.

    Files that a writer left when it was killed an hour ago or more always go. Where recipes to
    keep are named, entries of all other recipes go too.

    Args:
        folder: Folder of the store, or its URL.
        keep_recipe: Recipes to keep, loaded as the options below say; that takes their weights.
        fingerprint: Fingerprints to keep, or their first 16 digits, as `store ls` lists them; that
            takes no weights.
        options: How the recipes to keep are loaded.
        dry_run: Say what would go, and remove nothing.
        json: Print one JSON object.
    """
    from stillseek.features.store.verify_and_prune import find_garbage, remove_garbage

    if options != _DEFAULTS and not keep_recipe:
        raise UsageError("options of recipes need --keep-recipe NAME; give it, or leave them out")
    place = open_store(folder)
    keep = _to_keep(place, fingerprint, keep_recipe, options)
    garbage = find_garbage(place, keep=keep or None)
    if not dry_run:
        remove_garbage(place, garbage)
    if json:
        print(dumps(asdict(garbage) | {"removed": not dry_run}))
        return
    verb = "would go" if dry_run else "removed"
    print(
        f"{verb}: {counted(len(garbage.entries), 'entry', 'entries')} and "
        f"{counted(len(garbage.temporaries), 'temporary file')}, {_size(garbage.size_bytes)}"
    )
    if dry_run:
        print_some(verb, [*garbage.entries, *garbage.temporaries])


def _to_keep(
    place: "FeatureStore",
    given: tuple[str, ...],
    names: tuple[str, ...],
    options: RecipeOptions,
) -> list[str]:
    """Fingerprints to keep; one that keeps nothing is a mistake that would cost everything."""
    from stillseek.features import load_recipe
    from stillseek.features.store.verify_and_prune import list_recipes

    if not given and not names:
        return []
    there = [usage.fingerprint[:16] for usage in list_recipes(place)]
    for fingerprint in given:
        if len(fingerprint) < 16 or fingerprint[:16] not in there:
            raise UsageError(
                f"{place.root} has nothing of recipe fingerprint {fingerprint!r}; stillseek store "
                "ls lists what it has, and 16 digits are needed"
            )
    recipes = [load_recipe(name, options) for name in names]
    for recipe in recipes:
        if there and recipe.fingerprint[:16] not in there:
            found = describe_others(place, there, recipe.name, options, flag="--precision")
            raise UsageError(
                f"{place.root} has nothing of recipe {recipe.name!r} with fingerprint "
                f"{recipe.fingerprint[:16]}, only {found}; load the recipe as it was for extract, "
                "or name what to keep with --fingerprint"
            )
    return [*given, *(recipe.fingerprint for recipe in recipes)]


def open_store(folder: Path) -> "FeatureStore":
    """The store that an extraction wrote; refuses what is none."""
    from stillseek.features import FeatureStore
    from stillseek.features.store.content_address import KINDS

    store = FeatureStore(folder)
    root = store.root if isinstance(store.root, Path) else None
    advice = "give the folder that extract wrote to"
    if root is not None and not root.is_dir():
        raise UsageError(f"there is no store at {folder}; {advice}")
    # An extraction of which every video failed leaves its log.
    there = set(store.files.top()) - {"logs"}
    if there and there.isdisjoint(KINDS):
        foreign = f"has neither videos/ nor queries/, but {min(there)}"
    else:
        foreign = None if root is None else _only_foreign(root, store.files)
    if foreign:
        raise UsageError(f"{store.root} is no store: it {foreign}; {advice}")
    return store


def _only_foreign(root: Path, files: "StoreFiles") -> str | None:
    """What a folder has that no extraction wrote, where it has nothing else."""
    if not any(root.iterdir()):
        return "is empty"
    if any(files.entries()):
        return None
    others = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    for other in others:
        if other.parts[0] != "logs" and not fnmatch(other.name, LEFT_OVER):
            return f"has no entry, but {other}"
    return None


def _size(size_bytes: int) -> str:
    if size_bytes < 1000:
        return f"{size_bytes} B"
    size = float(size_bytes)
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 1000:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} TB"

"""``stillseek dataset check``: whether a data set is whole, and its features are in a store."""

import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stillseek.cli.console import progress_bar
from stillseek.cli.recipe_options import describe_others, extract_command, without_files
from stillseek.cli.store import open_store
from stillseek.errors import UsageError
from stillseek.features import DEFAULT_RECIPE, RecipeOptions
from stillseek.files import counted, shown_name

if TYPE_CHECKING:
    from stillseek.data.check import Problem, ProblemKind
    from stillseek.features import FeatureStore
    from stillseek.features.store.verify_and_prune import RecipeUsage

_RECIPE = RecipeOptions()
_LISTED = 3
_HASH = re.compile(r"(?<![0-9a-f])([0-9a-f]{16})[0-9a-f]{48}(?![0-9a-f])")
# What is wrong, and of what: one, and several.
_WORDS: "dict[ProblemKind, tuple[str, str, str]]" = {
    "empty": ("without samples", "data set", "data sets"),
    "file": ("not there", "file", "files"),
    "changed": ("changed since the data set was made", "file", "files"),
    "video": ("cannot be read", "video", "videos"),
    "time": ("not inside the file", "time", "times"),
    "features": ("not in the store", "entry", "entries"),
    "corrupt": ("corrupt in the store", "entry", "entries"),
}


def check(
    folder: Path,
    /,
    *,
    store: Path | None = None,
    recipe: str | None = None,
    options: Annotated[RecipeOptions, Parameter(name="*")] = _RECIPE,
    json: bool = False,
) -> int:
    """Check that a data set is whole: files, lengths, and features in a store.

    Exits with 1 where something is missing. Files whose hashes the data set has are compared with
    them; with --store they need not be there, as training and evaluation do not open them.

    Args:
        folder: Folder of the data set.
        store: Folder of a feature store that should have all its features.
        recipe: Recipe of the features; where not given, the one that the store holds.
        options: How the recipe was loaded when they were made.
        json: Print everything as one JSON object.
    """
    from stillseek.data.absence import read_absent
    from stillseek.data.check import check_dataset
    from stillseek.data.manifest import read_manifest
    from stillseek.features.store.verify_and_prune import list_recipes

    if store is None and (recipe is not None or options != _RECIPE):
        raise UsageError(
            "--recipe and its options say which features to look for; give --store DIR too"
        )
    manifest = read_manifest(folder)
    read_absent(manifest)
    place = None if store is None else open_store(store)
    held = [] if place is None else list_recipes(place)
    features, name = None, None
    if place is not None:
        name, fingerprint = _choose(place, held, recipe, options)
        features = place, fingerprint
    with progress_bar("checking") as advance:
        report = check_dataset(manifest, features=features, on_progress=advance)
    if json:
        values = {"dataset": str(folder), "recipes": [asdict(usage) for usage in held]}
        values["fingerprint"] = None if features is None else features[1]
        print(dumps(values | asdict(report), indent=2, default=str))
        return 1 if report.problems else 0
    entries = ""
    if features is not None:
        print(f"{features[0].root}: features of {_list(held)}")
        number = counted(report.num_entries, "entry", "entries")
        entries = f", {number} of recipe {name} ({features[1][:16]})"
    for line in _describe(report.problems):
        print(f"error: {shown_name(line)}", file=sys.stderr)
    found = counted(len(report.problems), "problem") if report.problems else "all there"
    away = f" ({report.num_away} not here, and known by hash)" if report.num_away else ""
    print(
        f"{folder}: {counted(report.num_samples, 'sample')}, {counted(report.num_files, 'file')}"
        f"{away}{entries}: {found}"
    )
    if any(each.kind == "file" for each in report.problems):
        print(f"put back what is not there; or {without_files(folder)}", file=sys.stderr)
    changed = {each.path for each in report.problems if each.kind == "changed"}
    if changed:
        command = f"stillseek dataset upgrade {shlex.quote(str(folder))} --again"
        print(
            "put the files back that the data set was made with; or, if those are right that are "
            f"there, take their hashes with: {command}",
            file=sys.stderr,
        )
    lacking = (each for each in report.problems if each.kind == "features")
    if features is not None and any(each.path not in changed for each in lacking):
        others = ""
        if report.fingerprints:
            found = describe_others(
                features[0], report.fingerprints, name or "", options, flag="--precision"
            )
            others = f"; the store has those of {found}"
        command = extract_command(folder, features[0].root, name or "NAME", options)
        if held and recipe is None:
            others += " (and the options of this recipe, if the others were made with any)"
        print(f"what is missing for recipe {name} comes with: {command}{others}", file=sys.stderr)
    return 1 if report.problems else 0


def _choose(
    place: "FeatureStore", held: "Sequence[RecipeUsage]", recipe: str | None, options: RecipeOptions
) -> tuple[str | None, str]:
    """Name, if any is known, and fingerprint of the recipe to look for."""
    from stillseek.features import load_recipe

    if recipe is not None or options != _RECIPE or not held:
        loaded = load_recipe(recipe or DEFAULT_RECIPE, options)
        return loaded.name, loaded.fingerprint
    if len(held) > 1:
        raise UsageError(
            f"the store {place.root} has features of {_list(held)}; say which to check with "
            "--recipe NAME, and its options"
        )
    return held[0].recipe, held[0].fingerprint


def _list(held: "Sequence[RecipeUsage]") -> str:
    """What a store holds, for people."""
    return (
        "; ".join(
            f"{usage.recipe or 'a recipe without name'} ({usage.fingerprint[:16]}): "
            f"{counted(usage.videos, 'video')}, {counted(usage.queries, 'query', 'queries')}"
            for usage in held
        )
        or "no recipe"
    )


def _describe(problems: "Sequence[Problem]") -> Iterator[str]:
    """Like problems together: how many, and the first of them."""
    for kind, (what, one, many) in _WORDS.items():
        alike = [problem for problem in problems if problem.kind == kind]
        if not alike:
            continue
        more = "; the first three" if len(alike) > _LISTED else ""
        yield f"{what}: {counted(len(alike), one, many)}{more}:"
        for problem in alike[:_LISTED]:
            yield "  " + _HASH.sub(r"\1...", f"{problem.path}: {problem.message}")

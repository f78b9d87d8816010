"""How an answer about many videos is printed."""

from typing import TYPE_CHECKING

from stillseek.errors import UsageError
from stillseek.files import counted, shown_name

if TYPE_CHECKING:
    from stillseek.localize.localization import Localization
    from stillseek.localize.ranking import Ranking


def print_ranking(ranking: "Ranking") -> None:
    """Prints the videos, best first, each with its moments; those that seem not to show it last."""
    from stillseek.localize.localization import format_score, format_span

    by = {
        "presence": "by presence",
        "similarity": "by similarity, which compares badly between videos",
        None: "as given: likeness does not compare between these videos",
    }
    if not ranking.results:
        return
    first = ranking.results[0]
    print(
        f"{counted(len(ranking.results), 'video')}, {by[ranking.ranked_by]} "
        f"(recipe {first.recipe}, model {first.model})"
    )
    for place, found in enumerate(ranking.results, start=1):
        if found.found is False and (place == 1 or ranking.results[place - 2].found):
            print("probably not in these:")
        presence = "" if found.presence is None else f"  presence {format_score(found.presence)}"
        print(f"{place:>4}  {shown_name(str(found.video))}{presence}")
        for moment in found.moments:
            score = "" if moment.score is None else f"  score {format_score(moment.score)}"
            print(f"      {format_span(moment.segment)}{score}")
    print_lacking(first)


def most_like(num_moments: int) -> str:
    """What leads to moments of videos that probably do not show it."""
    if num_moments == 1:
        return "; the moment that looks most like it:"
    return "; the moments that look most like it:" if num_moments else ""


def check_calibrated(is_calibrated: bool, recipe: str) -> None:
    """Refuses ``--found`` where nobody can say whether the activity is in a video."""
    if not is_calibrated:
        raise UsageError(
            f"--found goes by presence, and recipe {recipe} has no calibration; use recipe lite, "
            "or leave --found out"
        )


def print_lacking(found: "Localization") -> None:
    """Says why probabilities, or only those of moments, are not known."""
    if found.uncalibrated is not None:
        lacking = "no probabilities: " if found.presence is None else ""
        print(f"  {lacking}{found.uncalibrated}")

"""Scores the shipped ``lite`` head on videos composed of photographs, and fills the pages with it.

Composes the data set, extracts features and scores heads on test classes; every step is a
`stillseek` command and is done once: the script resumes. What came of it is kept in
docs/photographs.json, from which alone the pages are filled; without photographs that is all.

    python benchmarks/photographs.py --photographs FOLDER --class-split FILE [--recipes lite pocket]
        [--heads FOLDER]
    python benchmarks/photographs.py
"""

import argparse
import hashlib
import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from pages import DOCS, fill
from pocket import ROOT, percent, run

from stillseek.data.manifest import read_manifest
from stillseek.evaluation.predictions import read_predictions
from stillseek.evaluation.score_tables import paired_difference

RESULTS = DOCS / "photographs.json"
CARD = DOCS / "model_cards" / "lite.md"
HEAD = ROOT / "src/stillseek/localize/heads/lite/checkpoint.json"
# Data seed 1; a few train videos are there for the centre, whose length is fitted on them.
SIZES = ("--seed", "1", "--train-videos", "40", "--seen-videos", "0")
SIZES += ("--validation-videos", "100", "--test-videos", "120")
BLIND = ("random", "whole-video", "centre")
KINDS = ("all", "simple", "difficult")
MODELS = ("similarity", "matching")
VALIDATED = ("validation", "validation_of_matching")
ABSENCES = {"other": "another class", "elsewhere": "a class elsewhere in the data"}
ABSENCES |= {"sibling": "a similar class"}
# Pictures of a question that are asked with as one.
PICTURES = ("2", "3", "4")
DOMAINS = {
    "rendered": "drawn figures, rendered",
    "composed": "composed of photographs",
    "drawn": "streams of photographs, look-alikes beside each other",
    "real": "recorded, real people in one place",
}


def main() -> None:
    """Runs the script."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photographs", type=Path, help="photographs in a folder for each class")
    parser.add_argument("--class-split", type=Path)
    parser.add_argument("--recipes", nargs="+", default=["lite"], help="the first is lite")
    parser.add_argument("--heads", type=Path, help="one of each seed, as lite_head.py leaves them")
    parser.add_argument("--out", type=Path, default=ROOT / "runs/photographs")
    options = parser.parse_args()
    if options.photographs is not None:
        if options.class_split is None:
            parser.error("--photographs needs --class-split")
        measure(options)
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    head = json.loads(HEAD.read_text(encoding="utf-8"))
    fill(ROOT / "README.md", summary(results, head), mark="lite")
    fill(CARD, f"{made_of(results)}\n\n{tables(results)}", mark="test")
    fill(CARD, validation(head), mark="validation")
    fill(DOCS / "models/similarity.md", trials(head), mark="trials")


def measure(options: argparse.Namespace) -> None:
    """Runs what was not run before, and keeps what came of it."""
    out = options.out
    out.mkdir(parents=True, exist_ok=True)
    dataset, store = str(out / "dataset"), str(out / "store")
    split = ("--class-split", str(options.class_split))
    compose = ("dataset", "compose", str(options.photographs), *split, *SIZES, "--out", dataset)
    run(out, "compose", *compose)
    header = json.loads((out / "dataset/manifest.json").read_text())
    same = {
        "samples_sha256": header["samples_sha256"],
        "weights_sha256": json.loads(HEAD.read_text(encoding="utf-8"))["weights_sha256"],
    }
    before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    # Where moments lie does not depend on the calibration, which only lite has: what other recipes
    # and seeds reached with the same weights on the same questions stands.
    stands = before if same.items() <= before.items() else {}
    recipes, seeds = stands.get("recipes", {}), stands.get("seeds")
    for recipe in options.recipes:
        data = ("--dataset", dataset, "--recipe", recipe)
        run(out, f"extract_{recipe}", "extract", *data, "--out", store)
        scores = out / "scores" / recipe
        heads = ("--matching", "--similarity")
        evaluate = ("evaluate", *data, "--store", store, *heads, "--split", "test")
        run(out, f"evaluate_{recipe}", *evaluate, "--out", str(scores))
        recipes[recipe] = scored(scores) | {"ahead": ahead(dataset, scores)}
        if recipe == "lite":
            for number in PICTURES:
                scores = out / "scores" / f"{recipe}_{number}"
                several = ("--pictures", number, "--out", str(scores))
                run(out, f"evaluate_{recipe}_{number}", *evaluate, *several)
                found = scored(scores, f"similarity, {number} pictures")
                recipes[recipe].setdefault("pictures", {})[number] = found
    if options.heads is not None:
        each = sorted(path for path in options.heads.iterdir() if path.is_dir())
        scores = out / "scores/seeds"
        evaluate = ("evaluate", "--dataset", dataset, "--store", store, "--recipe", "lite")
        evaluate += ("--matching", "--split", "test", "--out", str(scores))
        run(out, "evaluate_seeds", *evaluate, "--checkpoint", *map(str, each))
        found = json.loads((scores / "tables.json").read_text())
        seeds = {
            "scores": [row for row in found["scores"] if row["queries"] in KINDS],
            "swap_accuracy": found["swap_accuracy"],
            "ahead": ahead(dataset, scores),
            "number": len(each),
        }
    results = {
        "date": date.today().isoformat(),
        "head_sha256": hashlib.sha256(HEAD.read_bytes()).hexdigest(),
        **same,
        "photographs": header["settings"]["photographs"],
        "num_classes": {name: len(each) for name, each in header["settings"]["classes"].items()},
        "recipes": recipes,
        "seeds": seeds,
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def scored(scores: Path, name: str | None = None) -> dict[str, Any]:
    """What a run of evaluate says, of one model by its name or of all, and of presence."""
    found = json.loads((scores / "tables.json").read_text())
    found["scores"] = [
        row for row in found["scores"] if row["queries"] in KINDS and name in (None, row["model"])
    ]
    presence = scores / "presence.json"
    if presence.exists():
        found["presence"] = json.loads(presence.read_text())[name or "similarity"]
    return found


def ahead(dataset: str, scores: Path) -> dict[str, Any]:
    """How far the similarity head is ahead of matching, on the same questions, by kind."""
    folder = scores / "predictions"
    runs = [
        [read_predictions(path) for path in sorted(folder.glob(f"{name}_joint_seed?.jsonl"))]
        for name in ("similarity", "matching")
    ]
    samples = read_manifest(Path(dataset)).samples
    return {
        kind: asdict(paired_difference(samples, *runs, split="test", queries=kind))
        for kind in KINDS
    }


def rows_of(found: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """The rows of a recipe by model and queries."""
    return {(row["model"], row["queries"]): row for row in found["scores"]}


def summary(results: dict[str, Any], head: dict[str, Any]) -> str:
    """What the default recipe reaches, in a few lines."""
    found = results["recipes"]["lite"]
    rows, presence = rows_of(found), found["presence"]
    everything, simple, difficult = (rows["similarity", kind]["miou"] for kind in KINDS)
    auroc = {each["kind"]: each for each in presence["absences"]}
    told = ", ".join(f"{auroc[kind]['auroc']:.2f} ({words})" for kind, words in ABSENCES.items())
    real = head["training"]["validation"]["domains"]["real"]
    real_auroc = head["training"]["presence_auroc"]["real"]["elsewhere"]
    swap = found["swap_accuracy"]["similarity, joint"]
    blind = 100 * max(rows[name, "all"]["miou"]["value"] for name in BLIND)
    return f"""\
- **Where.** On {rows["similarity", "all"]["num_videos"]} videos composed of photographs of \
{results["num_classes"]["test"]} classes that nothing here was fitted on,
  the found moment has a mean IoU of {percent(everything)}% (95% interval; the best answer that
  looks at nothing: {blind:.1f}%): {percent(simple)}% for pictures of the activity itself,
  {percent(difficult)}% for pictures of a similar one. Of two activities in one video
  {percent(swap["per_query"])}% of the pictures find their own.
- **Whether.** `presence` tells present from absent with an AUROC of
  {told}.
  By default {100 * presence["accepted"]:.0f}% of what is there is said to be there, and \
{100 * auroc["all"]["rejected"]:.0f}% of what is not is
  rejected. Its calibration error is {presence["presence_error"]:.2f}.
- **Give more than one picture** where you have them. {with_pictures(found)}
- **Real people in one place** are hard: mean IoU {100 * real["miou"]:.1f}% on validation videos,
  and presence says next to nothing there (AUROC {real_auroc:.2f})."""


def with_pictures(found: dict[str, Any]) -> str:
    """What three pictures reach, in two lines."""
    number = "3"
    several = found["pictures"][number]
    miou = {row["queries"]: 100 * row["miou"]["value"] for row in several["scores"]}
    auroc = {each["kind"]: each["auroc"] for each in several["presence"]["absences"]}
    told = ", ".join(f"{auroc[kind]:.2f}" for kind in ABSENCES)
    return f"""With {number} taken as one, mean IoU is {miou["all"]:.1f}%
  ({miou["simple"]:.1f}% and {miou["difficult"]:.1f}%), and the AUROCs are {told}."""


def made_of(results: dict[str, Any]) -> str:
    """Where the figures come from."""
    heads = " --heads FOLDER" if results["seeds"] else ""
    return (
        "Made by `python benchmarks/photographs.py --photographs FOLDER --class-split FILE "
        f"--recipes\n{' '.join(results['recipes'])}{heads}` on {results['date']}: "
        f"{results['photographs']:,} photographs, data seed 1, samples "
        f"`{results['samples_sha256'][:16]}`."
    )


def tables(results: dict[str, Any]) -> str:
    """Every recipe beside the answers that ignore the picture, and presence."""
    lite = results["recipes"]["lite"]
    lines = ["| queries | answer | mIoU | IoU@0.3 | IoU@0.5 | IoU@0.7 |"]
    lines.append("|---|---|---:|---:|---:|---:|")
    for kind in KINDS:
        answers = {name: rows_of(lite)[name, kind] for name in BLIND}
        for recipe, found in results["recipes"].items():
            for model in MODELS:
                answers[f"`{recipe}`, {model}"] = rows_of(found)[model, kind]
            answers[f"`{recipe}`, shuffled pictures"] = rows_of(found)["similarity, shuffled", kind]
        for name, row in answers.items():
            cells = [percent(row["miou"]), *map(percent, row["iou_above"].values())]
            lines.append(f"| {kind} | {name} | {' | '.join(cells)} |")
    lines += [
        "",
        "The similarity head less matching, in points of mIoU, on the same questions:",
        "",
    ]
    lines += ["| recipe | all | Simple | Difficult |", "|---|---:|---:|---:|"]
    for recipe, found in results["recipes"].items():
        cells = [percent(found["ahead"][kind]) for kind in KINDS]
        lines.append(f"| `{recipe}` | {' | '.join(cells)} |")
    if (seeds := results["seeds"]) is not None:
        rows, swap = rows_of(seeds), seeds["swap_accuracy"]["similarity, joint"]
        lines += [
            "",
            f"The same of {seeds['number']} seeds, of which the best on validation ships:",
        ]
        lines += ["", "| queries | mIoU | ahead of matching |", "|---|---:|---:|"]
        lines += [
            f"| {kind} | {percent(rows['similarity', kind]['miou'])} | "
            f"{percent(seeds['ahead'][kind])} |"
            for kind in KINDS
        ]
        lines += ["", f"Their swap accuracy is {percent(swap['per_query'])}%."]
    lines += ["", "| recipe | head | pairs | swap accuracy | both right |"]
    lines.append("|---|---|---:|---:|---:|")
    for recipe, found in results["recipes"].items():
        for model in MODELS:
            swap = found["swap_accuracy"][f"{model}, joint"]
            cells = (swap["num_pairs"], percent(swap["per_query"]), percent(swap["strict"]))
            lines.append(f"| `{recipe}` | {model} | {' | '.join(map(str, cells))} |")
    lines += ["", "| what is absent | questions | AUROC | rejected |", "|---|---:|---:|---:|"]
    presence = lite["presence"]
    for each in presence["absences"]:
        name = ABSENCES.get(each["kind"], each["kind"])
        lines.append(
            f"| {name} | {each['num_questions']} | {area_of(each)} | "
            f"{100 * each['rejected']:.1f}% |"
        )
    lines += [
        "",
        f"Of {presence['num_present']} Simple questions {100 * presence['accepted']:.1f}% are "
        f"accepted, of the Difficult ones\n{100 * presence['accepted_difficult']:.1f}%. Expected "
        f"calibration error: presence {presence['presence_error']:.3f}, score of a moment "
        f"{presence['score_error']:.3f}.",
    ]
    return "\n".join([*lines, "", *several_pictures(lite)])


def several_pictures(lite: dict[str, Any]) -> list[str]:
    """The same questions with one picture and with several."""
    lines = [
        "The same questions with several pictures as one: to the picture of each others of its "
        "class are\nadded, drawn from those that ask elsewhere.",
        "",
        f"| pictures | mIoU | Simple | Difficult | swap accuracy | "
        f"{' | '.join(f'AUROC, {kind}' for kind in (*ABSENCES, 'all'))} | accepted | rejected | "
        "calibration error | of the score |",
        "|---:|" + "---:|" * 12,
    ]
    for number, found in {"1": lite, **lite["pictures"]}.items():
        rows, presence = rows_of(found), found["presence"]
        absences = {each["kind"]: each for each in presence["absences"]}
        name = "similarity" if number == "1" else f"similarity, {number} pictures"
        cells = [percent(rows[name, kind]["miou"]) for kind in KINDS]
        cells.append(percent(found["swap_accuracy"][f"{name}, joint"]["per_query"]))
        cells += [area_of(absences[kind]) for kind in (*ABSENCES, "all")]
        shares = (presence["accepted"], absences["all"]["rejected"])
        cells += [f"{100 * share:.1f}%" for share in shares]
        cells += [f"{presence[name]:.3f}" for name in ("presence_error", "score_error")]
        lines.append(f"| {number} | {' | '.join(cells)} |")
    return lines


def area_of(row: dict[str, Any]) -> str:
    """The AUROC of a row with its interval."""
    low, high = row["auroc_interval"]
    return f"{row['auroc']:.3f} [{low:.3f}, {high:.3f}]"


def validation(head: dict[str, Any]) -> str:
    """What the head was chosen by, from the head itself."""
    training = head["training"]
    lines = [
        f"Made by `python {training['made_by']}` on {training['date']}; chosen: "
        f"{training['chosen']}; calibrated on "
        f"{training.get('calibration_date', training['date'])}.",
        "",
        "| validation videos | mIoU | Simple | Difficult | swap accuracy | AUROC, elsewhere | "
        "AUROC, similar |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for domain, words in DOMAINS.items():
        scores, before = (training[k]["domains"][domain] for k in VALIDATED)
        cells = [
            f"{100 * scores[name]:.1f} ({100 * before[name]:.1f})" if name in scores else ""
            for name in ("miou", "simple", "difficult", "swap")
        ]
        auroc = training["presence_auroc"][domain]
        cells += ["" if auroc[k] is None else f"{auroc[k]:.2f}" for k in ("elsewhere", "sibling")]
        lines.append(f"| {words} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", "In brackets: matching alone."])


def trials(head: dict[str, Any]) -> str:
    """Every similarity head that was trained, in every validation domain."""
    training = head["training"]
    lines = [f"Made by `python {training['made_by']}` on {training['date']}; mIoU in percent.", ""]
    lines.append(f"| head | mean | {' | '.join(DOMAINS)} |")
    lines.append("|---|---:|" + "---:|" * len(DOMAINS))
    rows = {"matching": training["validation_of_matching"], **training["similarity_trials"]}
    for name, row in rows.items():
        cells = [row["mean"], *(row["domains"][domain]["miou"] for domain in DOMAINS)]
        shown = " | ".join(f"{100 * cell:.1f}" for cell in cells)
        lines.append(f"| {name.removeprefix('similarity, ')} | {shown} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

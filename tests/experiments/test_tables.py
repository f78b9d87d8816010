from collections.abc import Iterable

import pytest

from stillseek.evaluation.predictions import Predictions
from stillseek.evaluation.score_tables import Estimate
from stillseek.experiments.claims import claims_of, in_points, verdict_of
from stillseek.experiments.methods import LAYERS, PROFILES, RunName
from stillseek.experiments.tables import SplitAnswers, tables_of

TRAINED = (
    *("flp", "sst+", "tal+", "sail", "sail query-blind"),
    *(f"sail w/o {part}" for part in ("RS", "ML", "LS", "BA")),
    *(method.name for layers, method in LAYERS.items() if layers != 5),
)


@pytest.fixture
def make_run(manifest, answers_of):
    def make(model, *, share=1.0, trained=True, hard=None, **of_header) -> Predictions:
        def share_of(_, sample) -> float:
            return hard if hard is not None and sample.query_kind == "difficult" else share

        checkpoint = "c" if trained else None
        samples = manifest.of_split("test")
        return answers_of(samples, share_of, model, checkpoint=checkpoint, **of_header)

    return make


@pytest.fixture
def answers(manifest, make_run):
    """Everything with an IoU of 0.5, but what is given."""

    def answers(**shares: float) -> SplitAnswers:
        def of(name: str, **fields) -> Predictions:
            key = name.replace(" ", "_").replace("/", "").replace("+", "").replace(",", "")
            return make_run(name, share=shares.get(key, 0.5), **fields)

        runs = [of(name, seed=seed) for name in TRAINED for seed in (0, 1)]
        runs += [of("sail", seed=seed, decode="independent") for seed in (0, 1)]
        runs += [of(f"{n}, shuffled", seed=s) for n in ("flp", "sail") for s in (0, 1)]
        runs += [of("matching", trained=False), of("matching, shuffled", trained=False)]
        runs += [of("random", decode="uniform", trained=False)]
        return SplitAnswers.of(manifest, "test", runs)

    return answers


def make_tables(answers: SplitAnswers, *runs: RunName, seeds: Iterable[int] = (0, 1)):
    made = tables_of(answers, runs, tuple(seeds), PROFILES["quick"])
    return {table.name: table for table in made}


def test_methods_on_all_and_on_difficult_queries(answers) -> None:
    tables = make_tables(answers(sail=0.75, matching=0.25), "methods")

    assert list(tables) == ["table2_test", "table3_test", "simple_test"]
    table = tables["table2_test"]
    assert table.title == "Table 2: all methods, unseen classes"
    assert [(row.model, row.decode, row.kind, row.num_seeds) for row in table.rows] == [
        ("random", "uniform", "paper", 1),
        *((name, "joint", "paper", 2) for name in ("flp", "sst+", "tal+", "sail")),
        ("sail query-blind", "joint", "control", 2),
        ("sail", "independent", "paper", 2),
        ("matching", "joint", "ours", 1),
        ("flp, shuffled", "joint", "control", 2),
        ("sail, shuffled", "joint", "control", 2),
        ("matching, shuffled", "joint", "control", 1),
    ]
    assert [t.rows[0].num_samples for t in tables.values()] == [6, 2, 4]
    sail, flp = table.row("sail"), table.row("flp")
    assert sail is not None
    assert flp is not None
    assert sail.against == {"matching": Estimate(0.5, 0.5, 0.5)}
    assert flp.against == {
        "sail": Estimate(-0.25, -0.25, -0.25),
        "matching": Estimate(0.25, 0.25, 0.25),
    }
    # All answers lie in their own segment: of both pictures of the pair.
    assert {row.swap for row in table.rows} == {Estimate(1.0, 1.0, 1.0)}
    assert table.row("sail w/o RS") is None


def test_sweeps_compare_with_one_seed(answers) -> None:
    tables = make_tables(answers(sail=0.75), "ablations", "layers", "examples")

    assert list(tables) == ["table4_test", "layers_test"]
    assert [(row.model, row.decode, row.kind) for row in tables["table4_test"].rows] == [
        ("sail", "independent", "paper"),
        ("sail", "joint", "paper"),
        *((f"sail w/o {part}", "joint", "paper") for part in ("RS", "ML", "LS", "BA")),
        ("sail query-blind", "joint", "control"),
    ]
    assert [row.model for row in tables["layers_test"].rows] == [
        "sail, 1 layer",
        *(f"sail, {number} layers" for number in (2, 3, 4)),
        "sail",
        *(f"sail, {number} layers" for number in (6, 7)),
        "sail query-blind",
    ]
    assert {row.num_seeds for table in tables.values() for row in table.rows} == {1}


def test_what_has_no_answers_has_no_row(manifest, make_run) -> None:
    answers = SplitAnswers.of(manifest, "test", [make_run("flp", seed=1)])

    table = make_tables(answers, "methods", "layers")["table2_test"]

    assert [row.model for row in table.rows] == ["flp"]
    assert table.references == ()
    assert not make_tables(answers, "methods", seeds=(0,))


def test_claims(answers, make_run, manifest) -> None:
    shares = {"sail": 0.6, "tal": 0.5, "sst": 0.55, "flp": 0.4, "random": 0.3}
    ablations = {"sail_wo_RS": 0.5, "sail_wo_ML": 0.7, "sail_wo_LS": 0.6, "sail_3_layers": 0.8}
    given = answers(**shares, **ablations)
    tables = make_tables(given, "methods", "ablations", "layers")

    claims = {c.says: (c.here, c.verdict) for c in claims_of(given, [*tables.values()], (0, 1))}

    ahead, behind = "+10.0 [+10.0, +10.0] points of mIoU", "-10.0 [-10.0, -10.0] points of mIoU"
    assert claims == {
        "sail is better than tal+ (Table 2)": (ahead, "holds"),
        "tal+ is better than sst+ (Table 2)": ("-5.0 [-5.0, -5.0] points of mIoU", "does not hold"),
        "sst+ is better than flp (Table 2)": ("+15.0 [+15.0, +15.0] points of mIoU", "holds"),
        "flp is better than random (Table 2)": (ahead, "holds"),
        "sail has 1.18 times the mIoU of tal+ (Table 2)": ("1.20 times", "holds"),
        "Difficult queries cost sail 8% of its mIoU, not more (Table 3)": ("0.0%", "holds"),
        "sail is better than sail w/o RS (Table 4)": (ahead, "holds"),
        "sail is better than sail w/o ML (Table 4)": (behind, "does not hold"),
        "sail is better than sail w/o LS (Table 4)": (
            "+0.0 [+0.0, +0.0] points of mIoU",
            "does not hold",
        ),
        "sail is better than sail w/o BA (Table 4)": (ahead, "holds"),
        "5 layers are best (Figure 4)": (
            "3 of 1 to 7, +20.0 [+20.0, +20.0] points ahead of 5",
            "does not hold",
        ),
    }
    assert not [*claims_of(SplitAnswers.of(manifest, "test", []), [], (0,))]


def test_what_difficult_queries_cost(manifest, make_run) -> None:
    answers = SplitAnswers.of(manifest, "test", [make_run("sail", share=0.8, hard=0.2)])
    tables = make_tables(answers, "methods")

    (claim,) = claims_of(answers, [*tables.values()], (0,))

    # 4 of 6 questions have 0.8, 2 have 0.2.
    assert (claim.here, claim.verdict) == ("66.7%", "does not hold")


def test_verdicts() -> None:
    assert verdict_of(Estimate(0.2, 0.1, 0.3)) == "holds"
    assert verdict_of(Estimate(0.2, -0.1, 0.3)) == "open"
    assert verdict_of(Estimate(-0.2, -0.3, 0.0)) == "does not hold"
    assert in_points(Estimate(0.0512, -0.01, 0.1)) == "+5.1 [-1.0, +10.0]"

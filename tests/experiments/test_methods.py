import pytest

from stillseek.errors import UsageError
from stillseek.experiments.methods import LAYERS, PROFILES, RUNS, seeds_of, trainings_of

QUICK, FULL = PROFILES["quick"], PROFILES["full"]


def test_runs_share_their_trainings() -> None:
    trainings = trainings_of(RUNS, (0, 1, 2), FULL)

    # 6 methods, 4 ablations, 6 numbers of layers besides the paper's 5, each with three seeds.
    assert len(trainings) == len({training.place for training in trainings}) == 48
    assert len(trainings_of(RUNS, (0, 1, 2), QUICK)) == 28
    assert list(LAYERS) == [1, 2, 3, 4, 5, 6, 7]


def test_the_quick_profile_sweeps_with_the_first_seed() -> None:
    assert seeds_of("methods", (4, 5), QUICK) == (4, 5)
    assert seeds_of("layers", (4, 5), QUICK) == (4,)
    assert seeds_of("layers", (4, 5), FULL) == (4, 5)
    assert seeds_of("examples", (4, 5), FULL) == (4,)


@pytest.mark.parametrize("seeds", [(), (1, 1), (-1,)])
def test_seeds_that_are_none_are_refused(seeds) -> None:
    with pytest.raises(UsageError, match="seeds must be different whole numbers from 0 on, got"):
        trainings_of(["methods"], seeds, FULL)

"""Several processes extract into one library."""

from functools import partial

import numpy as np
import pytest

from stillseek.library import Library
from stillseek.library.index import Index, current

CLIPS_OF_A_PROCESS, PROCESSES, VIDEOS = 200_000, 3, 60


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`use_.*deprecated:DeprecationWarning:ray")
def test_three_workers_make_the_library_that_one_process_makes(
    tmp_path, tiny, write_video, monkeypatch
) -> None:
    pytest.importorskip("ray")
    from stillseek.features.extraction.ray_engine import extract_with_ray

    monkeypatch.setattr(tiny, "batch_units", 1_000)
    folder = write_video("0.mp4", seed=0, kind=0).parent
    chance = np.random.default_rng(0)
    for number in range(VIDEOS):
        clips = chance.integers(1, 250, (CLIPS_OF_A_PROCESS * PROCESSES // VIDEOS, 8))
        np.savetxt(folder / f"{number}.mp4", clips, fmt="%d")
    alone, shared = (Library.open(tmp_path / name, recipe=tiny()) for name in ("one", "three"))
    alone.add(folder, workers=1)
    by_ray = partial(
        extract_with_ray, load=tiny, fingerprint=tiny().fingerprint, gpus_per_worker=0.0
    )
    monkeypatch.setattr("stillseek.library.saved_library.extractor", lambda *_: by_ray)

    report = shared.add(folder, workers=PROCESSES, engine="ray")

    assert [outcome.status for outcome in report.outcomes] == ["encoded"] * VIDEOS
    assert alone.stats().clips == shared.stats().clips == CLIPS_OF_A_PROCESS * PROCESSES
    assert alone.verify().problems == shared.verify().problems == ()
    assert alone.videos() == shared.videos()
    one, three = (Index.of(current(of.folder)).tables.rows() for of in (alone, shared))
    for name in ("videos", "starts", "clips", "vectors"):
        np.testing.assert_array_equal(getattr(one, name), getattr(three, name))

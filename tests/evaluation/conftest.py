import pytest

from stillseek.data.sample import Sample
from stillseek.evaluation.predictions import Prediction, Predictions, PredictionsHeader
from stillseek.timeline import Segment


@pytest.fixture
def make_sample():
    def make(number: int = 0, *, start=10.0, end=30.0, duration=60.0, **changes) -> Sample:
        values = {
            "sample_id": f"s{number}",
            "video_id": f"v{number}",
            "duration_seconds": duration,
            "window": None,
            "segment": Segment(start, end),
            "label": "violin",
            "split": "test",
            "query_kind": "simple",
            "query_label": changes.get("label", "violin"),
            "query_video_id": f"q{number}",
            "query_seconds": 1.0,
            "query_image": None,
            "source_video_id": f"v{number}",
            "pair_id": None,
            "taxonomy_distance": 0,
        }
        return Sample(**values | changes)

    return make


@pytest.fixture
def make_run():
    def make(answers: dict[str, tuple[float, float]], *, seed=0, model="sail") -> Predictions:
        return Predictions(
            header=PredictionsHeader(model=model, checkpoint="c", decode="joint", seed=seed),
            rows=tuple(
                Prediction(sample_id=name, start_seconds=start, end_seconds=end, score=0.5)
                for name, (start, end) in answers.items()
            ),
        )

    return make

import pytest
import samples

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
            "segment": Segment(start, end),
            "split": "test",
            "query_video_id": f"q{number}",
            "query_seconds": 1.0,
            "source_video_id": f"v{number}",
        }
        return samples.make_sample(**values | changes)

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

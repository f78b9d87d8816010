import pytest
import torch
from heads import make_head

from stillseek.data.example import collate
from stillseek.errors import UsageError
from stillseek.evaluation.inference import predict
from stillseek.models.sail import Sail
from stillseek.synthetic.planted import PlantedConfig, PlantedDataset

WIDTHS = {"clip_dim": 13, "region_dim": 17, "global_dim": 13}
DATA = PlantedDataset(PlantedConfig(**WIDTHS, num_held_out_examples=7), "validation", 0)
ASKED = [example.sample.sample_id for example in DATA]


def make_model() -> Sail:
    return make_head("sail", **WIDTHS)


def test_predictions_do_not_depend_on_the_batch_and_keep_the_mode():
    model = make_model().train()
    together, alone = (
        predict(model, DATA, methods=("joint", "independent"), batch_size=size) for size in (5, 1)
    )
    assert model.training
    for method in ("joint", "independent"):
        assert [row.sample_id for row in together[method]] == ASKED
        for a, b in zip(together[method], alone[method], strict=True):
            assert (a.start_seconds, a.end_seconds) == (b.start_seconds, b.end_seconds)
            # Sums of another order.
            assert a.score == pytest.approx(b.score, rel=1e-4)
    assert all(row.start_seconds < row.end_seconds for row in together["joint"])
    assert predict(model, []) == {"joint": ()}


def test_a_blind_model_answers_both_queries_of_a_video_alike():
    first, second = DATA[:2]
    assert first.sample.video_id == second.sample.video_id
    model = make_model()
    seeing, blind = (
        predict(model, [first, second], query_blind=hidden)["joint"] for hidden in (False, True)
    )
    # Rows of a batch may round differently.
    assert blind[0].score == pytest.approx(blind[1].score, rel=1e-5)
    assert seeing[0].score != pytest.approx(seeing[1].score, rel=1e-3)


def test_bfloat16_is_used_where_asked():
    model = make_model()
    full, half = (predict(model, DATA, precision=p)["joint"] for p in ("fp32", "bf16"))
    assert [row.score for row in full] != [row.score for row in half]
    for a, b in zip(full, half, strict=True):
        # bfloat16 has 8 bits; a few layers lose about two of them.
        assert a.score == pytest.approx(b.score, rel=0.1)


@pytest.mark.parametrize("name", ["flp", "sst", "tal", "matching"])
def test_every_model_answers_inside_the_video(name):
    model = make_head(name, **WIDTHS)

    (rows,) = predict(model, DATA, methods=model.decode_methods, batch_size=3).values()

    assert [row.sample_id for row in rows] == ASKED
    for row, example in zip(rows, DATA, strict=True):
        assert 0 <= row.start_seconds < row.end_seconds <= example.grid.duration_seconds
        assert 0 <= row.score <= 1
    with pytest.raises(UsageError, match="has no 'independent' decoding"):
        predict(model, DATA, methods=("independent",))


def test_segments_between_steps_become_seconds():
    model = make_head("tal", **WIDTHS).eval()

    rows = predict(model, DATA)["joint"]

    stage = model(collate(list(DATA)).inputs).stages[-1]
    best = stage.logits.argmax(dim=1)
    expected = stage.segments[torch.arange(len(best)), best].detach()  # one second a step
    found = torch.tensor([(row.start_seconds, row.end_seconds) for row in rows])
    torch.testing.assert_close(found, expected)
    assert (expected % 1).any()


def test_progress_counts_examples():
    seen = []
    predict(make_model(), DATA, batch_size=4, on_progress=lambda *at: seen.append(at))
    assert seen == [(4, len(DATA)), (len(DATA), len(DATA))]
    assert len(DATA) == 7

import pytest
import torch

from stillseek.data.planted import PlantedConfig, planted_dataset
from stillseek.evaluation.inference import predict
from stillseek.models.sail import Sail, SailConfig

DATA = planted_dataset(
    PlantedConfig(clip_dim=13, region_dim=17, global_dim=11, num_held_out_examples=7),
    "validation",
    0,
)


def make_model() -> Sail:
    torch.manual_seed(0)
    return Sail(
        SailConfig(
            clip_dim=13, region_dim=17, global_dim=11, num_layers=1, num_heads=2, projection_dim=3
        )
    )


def test_predictions_do_not_depend_on_the_batch_and_keep_the_mode():
    model = make_model().train()
    together, alone = (
        predict(model, DATA, methods=("joint", "independent"), batch_size=size) for size in (5, 1)
    )
    assert model.training
    for method in ("joint", "independent"):
        assert [row.sample_id for row in together[method]] == [
            example.sample.sample_id for example in DATA
        ]
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
    assert blind[0].score == blind[1].score
    assert seeing[0].score != seeing[1].score


def test_bfloat16_is_used_where_asked():
    model = make_model()
    full, half = (predict(model, DATA, precision=p)["joint"] for p in ("fp32", "bf16"))
    assert [row.score for row in full] != [row.score for row in half]
    for a, b in zip(full, half, strict=True):
        # bfloat16 has 8 bits; a few layers lose about two of them.
        assert a.score == pytest.approx(b.score, rel=0.1)

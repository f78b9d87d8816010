from dataclasses import replace

import pytest
import torch
from torch import nn

from stillseek.evaluation import collapse
from stillseek.evaluation.collapse import PictureSwap
from stillseek.evaluation.predictions import Prediction
from stillseek.models.inputs import blind_query
from stillseek.models.matching import Matching, MatchingConfig
from stillseek.synthetic.planted import PlantedConfig, PlantedDataset
from stillseek.tensors import LocalizerInput, LocalizerOutput

WIDTHS = {"clip_dim": 13, "region_dim": 13, "global_dim": 13}
DATA = list(PlantedDataset(PlantedConfig(**WIDTHS, num_held_out_examples=41), "validation", 0))


class Wrapped(nn.Module):
    """Matching, which sees the picture of the first questions of a batch only."""

    def __init__(self, num_seeing: int) -> None:
        super().__init__()
        self.model = Matching(MatchingConfig(**WIDTHS))
        self.num_seeing = num_seeing

    def forward(self, inputs: LocalizerInput) -> LocalizerOutput:
        seeing, blind = self.model(inputs), self.model(blind_query(inputs))
        rows = torch.arange(len(inputs.clips))[:, None] < self.num_seeing
        return LocalizerOutput(
            start_logits=torch.where(rows, seeing.start_logits, blind.start_logits),
            end_logits=torch.where(rows, seeing.end_logits, blind.end_logits),
            clip_logits=None,
        )


def test_a_head_that_sees_nothing_is_found_and_one_that_sees_is_not():
    swap = PictureSwap(DATA)

    assert swap.is_ignored(Wrapped(0))
    assert not swap.is_ignored(Wrapped(16))


def test_a_few_answers_that_differ_are_a_head_that_listens():
    # 2 of the 16 questions of each batch: 12.5%.
    assert not PictureSwap(DATA).is_ignored(Wrapped(2))


def test_pictures_of_one_class_tell_nothing():
    alike = [
        replace(e, sample=replace(e.sample, label="a", query_label="a", query_kind="simple"))
        for e in DATA
    ]

    assert not PictureSwap(alike).is_ignored(Wrapped(0))
    assert not PictureSwap([]).is_ignored(Wrapped(0))


def test_every_question_gets_a_picture_of_another_class(monkeypatch):
    asked = []

    def spy(model, examples, **options):
        asked.append(examples)
        return {"joint": ()}

    monkeypatch.setattr(collapse, "predict", spy)
    PictureSwap(DATA).is_ignored(Wrapped(0))

    own, other = asked
    assert len(own) == len(other) == 32
    # From the first question to the last, evenly.
    places = [DATA.index(e) for e in own]
    assert (places[0], places[-1], len(set(places))) == (0, len(DATA) - 1, 32)
    labels = [e.sample.query_label for e in DATA]
    for place, first, second in zip(places, own, other, strict=True):
        assert (first.sample, first.steps is second.steps) == (second.sample, True)
        turn = [*range(place, len(DATA)), *range(place)]
        other_one = next(i for i in turn if labels[i] != labels[place])
        assert second.global_feature is DATA[other_one].global_feature


@pytest.mark.parametrize(("num_equal", "is_ignored"), [(20, True), (19, True), (18, False)])
def test_nineteen_equal_answers_of_twenty_are_a_head_that_looks_at_nothing(
    num_equal, is_ignored, monkeypatch
):
    same, moved = (
        Prediction(sample_id="s", start_seconds=0.0, end_seconds=end, score=1.0)
        for end in (1.0, 2.0)
    )
    answers = iter([[same] * 20, [same] * num_equal + [moved] * (20 - num_equal)])
    monkeypatch.setattr(collapse, "predict", lambda *_, **__: {"joint": next(answers)})

    assert PictureSwap(DATA[:20]).is_ignored(Wrapped(0)) is is_ignored


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_mode_of_the_model_stays(precision):
    model = Wrapped(0).train()
    PictureSwap(DATA).is_ignored(model, precision=precision)
    assert model.training

import numpy as np
import pytest
import torch

from stillseek.errors import LibraryError
from stillseek.features import QueryFeatures, load_recipe
from stillseek.library.index import space_of
from stillseek.library.space import ROW_STRIDE, Space
from stillseek.localize.head import matching_head
from stillseek.models.calibration import Calibration, calibration_of
from stillseek.models.evidence import Evidence, unit
from stillseek.models.matching import Matching

DIM = 7
CALIBRATION = Calibration(
    similarity=6.0,
    background=-2.0,
    length=-0.25,
    bias=0.5,
    moment_peak=0.1,
    moment_mean=1.5,
    moment_bias=0.2,
)


def make_space(seed: int = 0) -> Space:
    chance = np.random.default_rng(seed)
    background = chance.standard_normal((131, DIM)).astype(np.float32)
    return Space(
        centre=0.1 * chance.standard_normal(DIM).astype(np.float32),
        metric=chance.standard_normal((DIM, DIM)).astype(np.float32),
        background=background / np.linalg.norm(background, axis=1, keepdims=True),
        calibration=CALIBRATION,
    )


def test_the_space_of_a_recipe_is_that_of_its_likeness() -> None:
    recipe = load_recipe("lite")
    head = matching_head(recipe)
    assert isinstance(head.model, Matching)
    evidence = head.model.evidence
    assert evidence is not None

    found = space_of(recipe)

    for name in ("centre", "metric", "background"):
        np.testing.assert_array_equal(getattr(found, name), getattr(evidence, name).numpy())
    assert found.calibration == calibration_of(head.calibration)


def clips_with_blanks(number: int, blank: slice = slice(0, 0)) -> np.ndarray:
    clips = np.random.default_rng(number).standard_normal((number, DIM)).astype(np.float32)
    clips[blank] = 0
    return clips


@pytest.mark.parametrize("number", [1, 2, 3, 5, 53])
def test_evidence_is_that_of_the_head(number: int) -> None:
    space, clips = make_space(), clips_with_blanks(number, slice(11, 19))
    picture = np.random.default_rng(1).standard_normal(DIM).astype(np.float32)
    head = Evidence(dim=DIM, num_background=131)
    head.centre.copy_(torch.from_numpy(space.centre))
    head.metric.copy_(torch.from_numpy(space.metric))
    head.background.copy_(torch.from_numpy(space.background))
    rows = unit(torch.from_numpy(clips)[None])
    expected = head(rows, unit(torch.from_numpy(picture))[None, None], rows.abs().amax(-1) > 0)

    question = space.question([picture])

    # float32 sums of seven and eleven products
    np.testing.assert_allclose(
        space.evidence(clips, question), expected.similarity[0].numpy(), atol=2e-6
    )
    assert question.background == pytest.approx(expected.background.item(), abs=2e-6)


def test_several_pictures_are_asked_as_the_head_asks_them() -> None:
    space, pictures = make_space(), clips_with_blanks(3)
    one = QueryFeatures.as_one(
        [
            QueryFeatures(
                regions=picture[None],
                boxes=np.ones((1, 4), np.float32),
                global_feature=picture,
                fingerprint="f",
            )
            for picture in pictures
        ]
    )

    together = space.question(list(pictures))

    expected = space.question([one.global_feature])
    np.testing.assert_allclose(together.vectors, expected.vectors, atol=1e-6)
    assert together.background == pytest.approx(expected.background, abs=1e-6)
    assert (expected.num_pictures, together.num_pictures) == (1, 3)


@pytest.mark.parametrize("number", [1, 2, 4, 5, 53])
def test_a_row_and_a_picture_give_the_evidence_of_the_clip_in_its_middle(number: int) -> None:
    space, clips = make_space(), clips_with_blanks(number)
    question = space.question(list(clips_with_blanks(3)))

    middles, rows = space.pooled(clips)

    evidence = space.evidence(clips, question)
    np.testing.assert_allclose(question.compare(rows), evidence[middles], atol=2e-6)
    assert len(middles) >= number // ROW_STRIDE
    assert np.diff(middles, prepend=-ROW_STRIDE // 2, append=number + 1).max() <= ROW_STRIDE + 1


def test_clips_that_show_nothing_have_no_row_and_no_evidence() -> None:
    space = make_space()
    clips = clips_with_blanks(61, slice(17, 41))

    middles, rows = space.pooled(clips)

    assert not np.isfinite(space.evidence(clips, space.question([clips[0]]))[17:41]).any()
    assert set(range(22, 36)).isdisjoint(middles)
    assert np.isfinite(rows).all()
    assert [len(part) for part in space.pooled(np.zeros((5, DIM), np.float32))] == [0, 0]


def test_a_space_is_read_as_it_was_written(tmp_path) -> None:
    space = make_space()
    (tmp_path / "space").write_bytes(space.to_bytes())

    found = Space.read(str(tmp_path / "space"))

    assert found.to_bytes() == space.to_bytes()
    assert found.calibration == CALIBRATION
    (tmp_path / "space").write_bytes(space.to_bytes()[:-9])
    with pytest.raises(LibraryError, match="copy the library again"):
        Space.read(str(tmp_path / "space"))
    with pytest.raises(LibraryError, match="cannot read"):
        Space.read(str(tmp_path / "other"))

import hashlib
import re
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from heads import make_config, make_inputs

from stillseek.errors import CheckpointError, InstallationError, UsageError
from stillseek.models import onnx_session
from stillseek.models.onnx_session import OnnxModel, load_onnx, open_onnx, seal


@pytest.fixture
def path(matching_onnx: bytes, tmp_path: Path) -> Path:
    file = tmp_path / "head.onnx"
    file.write_bytes(matching_onnx)
    return file


@pytest.fixture
def head(matching_onnx: bytes) -> OnnxModel:
    return open_onnx(matching_onnx, name="the file").model


def test_a_file_comes_back_as_a_checkpoint(path: Path) -> None:
    found = load_onnx(path)

    assert (found.model_name, found.recipe_name) == ("matching", "pocket")
    assert found.recipe_fingerprint == "f00d"
    assert found.training == {"name": "by hand"}
    assert found.calibration == {"slope": 2.5}
    assert found.model.decode_methods == ("joint",)


def test_it_runs_on_the_cpu_only(head: OnnxModel) -> None:
    assert head.to("cpu").eval() is head
    with pytest.raises(UsageError, match="the onnx engine runs on the CPU, not on cuda:0"):
        head.to("cuda:0")


def test_it_gets_as_many_threads_as_are_set(matching_onnx: bytes, monkeypatch) -> None:
    monkeypatch.setattr(onnx_session, "get_threads", lambda: 3)
    head = open_onnx(matching_onnx, name="the file").model

    assert head._session.get_session_options().intra_op_num_threads == 3


@pytest.mark.parametrize(
    ("name", "kind"), [("clips", "clip"), ("regions", "region"), ("global_feature", "global")]
)
def test_features_of_another_recipe_are_refused(head: OnnxModel, name: str, kind: str) -> None:
    config = make_config("matching")
    inputs = make_inputs([5], [3], config=config, dtype=torch.float32)
    arrays = {field.name: getattr(inputs, field.name).numpy() for field in fields(inputs)}
    arrays[name] = arrays[name][..., :11]

    expected = f"{kind} features are 11 wide but the model expects {getattr(config, f'{kind}_dim')}"
    with pytest.raises(UsageError, match=expected):
        head(**arrays)


def test_what_a_model_would_turn_into_nonsense_is_refused(head: OnnxModel) -> None:
    inputs = make_inputs([5], [3], config=make_config("matching"), dtype=torch.float32)
    arrays = {field.name: getattr(inputs, field.name).numpy() for field in fields(inputs)}
    flat = arrays["boxes"].copy()
    flat[0, 1, 2] = 0

    with pytest.raises(UsageError, match="region 1 of query 0 has box"):
        head(**arrays | {"boxes": flat})
    for name in ("clip_mask", "region_mask"):
        with pytest.raises(UsageError, match="every video needs a real clip"):
            head(**arrays | {name: np.zeros_like(arrays[name])})


@pytest.mark.parametrize("keep", [0, 100, -1])
def test_a_cut_file_is_refused(path: Path, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])

    with pytest.raises(
        CheckpointError, match=r"head\.onnx is not a file of .*, or its end is miss"
    ):
        load_onnx(path)


@pytest.mark.parametrize("place", [3, 700, -200, -1])
def test_a_damaged_file_is_refused(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)

    with pytest.raises(CheckpointError, match=r"head\.onnx is damaged \(its checksum differs\)"):
        load_onnx(path)


def test_other_programs_see_the_seal_as_a_property(path: Path) -> None:
    import onnx

    data = path.read_bytes()

    properties = {entry.key: entry.value for entry in onnx.load(path).metadata_props}

    assert data == seal(data[:-86])
    assert properties["stillseek.sha256"] == hashlib.sha256(data[:-86]).hexdigest()


def test_what_the_runtime_refuses_is_one_line() -> None:
    with pytest.raises(CheckpointError, match="ONNX Runtime cannot read the file: ") as error:
        open_onnx(seal(b"no graph"), name="the file")
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"cannot read .*no\.onnx: No such file"):
        load_onnx(tmp_path / "no.onnx")


def test_foreign_onnx_files_are_refused(path: Path) -> None:
    import onnx

    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.save(model, path)

    with pytest.raises(CheckpointError, match="is not a file of this version's stillseek export"):
        load_onnx(path)


def test_another_format_is_refused(path: Path) -> None:
    import onnx

    model = onnx.load(path)
    (version,) = (p for p in model.metadata_props if p.key == "stillseek.format_version")
    version.value = "2"
    path.write_bytes(seal(model.SerializeToString()))

    with pytest.raises(CheckpointError, match="has format_version 2, expected 1; export the head"):
        load_onnx(path)


def test_a_missing_runtime_says_what_to_install(path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)

    with pytest.raises(InstallationError, match="pip install onnxruntime"):
        load_onnx(path)


def test_the_printed_example_runs(path: Path, monkeypatch, capsys) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "export.md"
    (source,) = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    path.rename(path.with_name("sail.onnx"))
    monkeypatch.chdir(path.parent)

    exec(compile(source, str(page), "exec"), {})

    first, last = map(
        int, re.fullmatch(r"clips (\d+) to (\d+)\n", capsys.readouterr().out).groups()
    )
    assert 0 <= first <= last < 60

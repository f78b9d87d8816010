import pytest
from heads import make_head


@pytest.fixture(scope="session")
def matching_onnx() -> bytes:
    """Matching as the bytes of an ONNX file: the quickest export there is."""
    from stillseek.models.checkpoint import Checkpoint
    from stillseek.models.onnx_export import onnx_bytes

    return onnx_bytes(
        Checkpoint(
            model=make_head("matching", smoothing=3.0),
            recipe_name="pocket",
            recipe_fingerprint="f00d",
            training={"name": "by hand"},
            calibration={"slope": 2.5},
        )
    )

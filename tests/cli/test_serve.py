import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("fastapi")


@pytest.fixture
def listened(monkeypatch: pytest.MonkeyPatch, use_small_recipe) -> list[tuple]:
    """What would have been served, and where."""
    import stillseek.web.serving
    from stillseek.localize.head import matching_head

    calls = []

    def serve(service, *, host, port, on_listening):
        with service:
            calls.append((service, host, port))
            on_listening(f"http://{host}:{port}/")

    monkeypatch.setattr(stillseek.web.serving, "serve", serve)
    monkeypatch.setattr("stillseek.localize.encoding.DEFAULT_RECIPE", "pocket")
    monkeypatch.setattr(
        "stillseek.localize.encoding.installed_head", lambda recipe, _: matching_head(recipe)
    )
    return calls


def test_it_says_where_it_listens_when_all_is_loaded(
    listened, tmp_path: Path, run, monkeypatch
) -> None:
    monkeypatch.setenv("STILLSEEK_API_KEY", "from the environment")
    (tmp_path / "videos").mkdir()
    words = ["serve", "--data", tmp_path / "data", "--folder", tmp_path / "videos"]
    words += ["--host", "0.0.0.0", "--port", "8123", "--allow-host", "video.example.org"]
    words += ["--max-upload-mb", "3", "--keep-hours", "0.5", "--queue", "7"]

    assert run(*words) == "stillseek serves http://0.0.0.0:8123/\n"

    ((service, host, port),) = listened
    assert (host, port) == ("0.0.0.0", 8123)
    settings = service.settings
    assert settings.key == "from the environment"
    assert settings.folders == {"videos": tmp_path / "videos"}
    assert (settings.max_upload_bytes, settings.keep_hours, settings.queue) == (3 << 20, 0.5, 7)
    assert "video.example.org" in settings.hosts
    assert "from the environment" not in repr(settings)


def test_a_library_says_the_recipe(listened, tmp_path: Path, run) -> None:
    run("serve", "--data", tmp_path / "data", "--library", tmp_path / "library")

    ((service, host, _),) = listened
    assert host == "127.0.0.1"
    assert service.catalogue.library.recipe is service.localizer.recipe


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0 can be reached by others; give a key"),
        (["--host", "::"], "--host :: can be reached by others; give a key"),
        (["--host", "example.org"], "--host example.org can be reached by others"),
        (["--key-file", "none"], "--key-file none cannot be read"),
        (["--key-file", "empty"], "--key-file empty has no key in its first line"),
        (["--key-file", "key", "--no-key"], "there is a key, and --no-key"),
        (["--folder", "none"], "there is no folder none; check --folder"),
        (["--queue", "0"], "--queue must be more than 0, got 0"),
        (["--max-upload-mb", "-1"], "--max-upload-mb must be more than 0"),
        (["--data", "key"], "--data {}/key needs a folder where the file {}/key is; give another"),
        (["--data", "key/in"], "--data {}/key/in needs a folder where the file {}/key is; "),
        (["--library", "key"], "library {}/key needs a folder where the file {}/key is; give "),
        (["--keep-hours", "nan"], "--keep-hours must be more than 0, got nan"),
    ],
)
def test_what_is_wrong_is_told(words, message: str, tmp_path: Path, refused, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STILLSEEK_API_KEY", raising=False)
    Path("empty").write_text("\n")
    Path("key").write_text("secret\n")

    assert refused("serve", *words).startswith(message.replace("{}", str(tmp_path)))


def test_without_its_packages_it_says_what_to_install(refused, monkeypatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "stillseek.cli.serve.find_spec", lambda name: None if name == "uvicorn" else find(name)
    )

    assert refused("serve") == (
        "the service needs FastAPI and uvicorn, which are not installed; pip install "
        "'stillseek[web]'"
    )

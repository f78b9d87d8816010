"""The walk through REST in the documentation, as it is printed."""

import json
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
import uvicorn
from PIL import Image

from stillseek.web.application import create_app
from stillseek.web.service_settings import named_folders

PAGE = Path(__file__).resolve().parents[2] / "docs" / "serve.md"
DOCUMENTED = "http://127.0.0.1:8008"


@pytest.fixture
def url(start, media: Path, tmp_path: Path):
    """A service that listens, whose allowed folder is called as in the documentation."""
    folder = tmp_path / "my-videos"
    folder.mkdir()
    shutil.copy(media / "match.mp4", folder)
    running = start()
    running.service.settings.folders.update(named_folders((folder,)))
    config = uvicorn.Config(create_app(running.service), port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="needs curl and jq")
def test_the_commands_work_as_printed(url: str, media: Path, tmp_path: Path) -> None:
    text = PAGE.read_text().split("<!-- tested")[1].split("<!-- end of tested -->")[0]
    script = text.split("```sh\n")[1].split("```")[0]
    assert script.count("curl") > 10
    assert DOCUMENTED in script
    shutil.copy(media / "query.png", tmp_path / "handball.jpg")

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace(DOCUMENTED, url).replace("-s", "-sf")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert '"status": "done"' in done.stdout
    assert "TITLE:" in done.stdout
    # Of what is printed one thing follows the other.
    result = done.stdout[done.stdout.index('{"video"') :]
    assert json.JSONDecoder().raw_decode(result)[0]["moments"]
    shutil.unpack_archive(tmp_path / "clips.zip", tmp_path / "clips")
    assert [path.name for path in (tmp_path / "clips").iterdir()] == ["match_01_1.0-3.0s.mp4"]
    with Image.open(tmp_path / "strip.jpg") as strip:
        assert strip.format == "JPEG"

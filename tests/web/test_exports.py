import io
import json
import threading
import zipfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import opentimelineio
import pytest

from stillseek.media import frame_at, probe
from stillseek.media.write import AudioFormat, VideoWriter
from stillseek.web import exports
from stillseek.web.media_views import is_playable

VIDEO, LONG = "folder:media/match.mp4", "folder:media/more/long.mp4"


def moment(start: float, end: float, source: str = VIDEO, **more) -> dict:
    return {"source": source, "start_seconds": start, "end_seconds": end, **more}


def export(running, form: str, *moments: dict, **more):
    return running.api.post("/exports", json={"format": form, "moments": [*moments], **more})


@pytest.mark.parametrize("form", ["edl", "fcpxml", "otio", "vtt", "csv", "json"])
def test_moments_are_exported_in_every_format(running, form: str, media: Path) -> None:
    answer = export(running, form, moment(1, 3, name="handball", score=0.5), moment(4, 5.5))

    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == f"attachment; filename*=UTF-8''match.{form}"
    assert "match.mp4" in answer.text or form == "vtt"
    assert "/match.mp4" not in answer.text.replace("./match.mp4", "")
    assert str(media) not in answer.text


@pytest.mark.parametrize("form", ["premiere.csv", "resolve.csv"])
def test_markers_are_of_one_video(running, form: str) -> None:
    one = export(running, form, moment(1, 3))
    two = export(running, form, moment(1, 3), moment(1, 2, LONG))

    assert one.status_code == 200
    assert one.headers["Content-Disposition"].endswith(f"match.{form}")
    assert two.status_code == 400
    assert "is of one video, not of 2" in two.json()["error"]["message"]
    assert "/tmp" not in two.json()["error"]["message"]


def test_an_exported_time_line_has_the_frames_and_the_senders_name(running, media: Path) -> None:
    source = running.upload(media / "match.mp4", 'my: "film".mp4')

    answer = export(running, "otio", moment(1, 3, source), moment(2, 2.5, LONG), pad_seconds=0.5)

    assert answer.headers["Content-Disposition"].endswith("moments.otio")
    timeline = opentimelineio.adapters.read_from_string(answer.text, "otio_json")
    clips = list(timeline.find_clips())
    assert [clip.source_range.start_time.value for clip in clips] == [5, 15]
    assert [clip.source_range.duration.value for clip in clips] == [30, 15]
    urls = [clip.media_reference.target_url for clip in clips]
    assert urls == ["my_%20_film_.mp4", "long.mp4"]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"format": "exe", "moments": [moment(1, 2)]}, 422),
        ({"format": "edl", "moments": []}, 422),
        ({"format": "edl", "moments": [moment(2, 2)]}, 422),
        ({"format": "edl", "moments": [moment(1, 2, "folder:media/none.mp4")]}, 404),
        ({"format": "edl", "moments": [moment(1, 2, "folder:media/query.png")]}, 422),
        ({"format": "edl", "moments": [moment(8, 9)]}, 400),
        ({"format": "vtt", "moments": [moment(1, 2)], "start_at_zero": True}, 400),
    ],
)
def test_exports_that_cannot_be_are_refused(running, request_, status: int) -> None:
    answer = running.api.post("/exports", json=request_)

    assert answer.status_code == status
    assert "/tmp" not in answer.json()["error"]["message"]


def test_clips_are_cut_into_one_file(running, media: Path) -> None:
    source = running.upload(media / "match.mp4", "match.mp4")
    wanted = [moment(1, 2.5), moment(3, 4, source), moment(1, 2, LONG, name="x")]

    job = running.submit(kind="cut", moments=wanted)
    clips = running.result(job)["clips"]

    answer = running.api.get(f"/jobs/{job}/file")
    assert answer.headers["Content-Type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    names = ["match_01_1.0-2.5s.mp4", "match-2_01_3.0-4.0s.mp4", "long_01_1.0-2.0s.mp4"]
    assert archive.namelist() == [clip["name"] for clip in clips] == names
    assert [clip["source"] for clip in clips] == [VIDEO, source, LONG]
    clip = Path(archive.extract(names[0], running.service.settings.data))
    assert probe(clip).duration_seconds == pytest.approx(1.5)
    shown, expected = frame_at(clip, 0.25), frame_at(media / "match.mp4", 1.25)
    # Encoded once more.
    assert np.abs(shown.astype(float) - expected).mean() < 3
    folder = running.service.settings.data / "results"
    assert [path.name for path in folder.iterdir()] == [f"{job}.zip"]


def test_clips_that_are_copied_say_what_they_are(running) -> None:
    job = running.submit(kind="cut", moments=[moment(3, 4)], copy=True)

    (clip,) = running.result(job)["clips"]

    # The video has one key frame, its first.
    assert clip["start_seconds"] == 0
    assert clip["end_seconds"] == pytest.approx(4, abs=0.11)


def test_other_jobs_have_no_file(running) -> None:
    job = running.submit(kind="locate", video=VIDEO, queries=[{"source": "folder:media/query.png"}])
    running.result(job)

    assert running.api.get(f"/jobs/{job}/file").status_code == 404
    assert running.api.get("/jobs/none/file").status_code == 404


def test_a_cut_that_is_cancelled_leaves_nothing(running, monkeypatch) -> None:
    cut, steps, is_known = exports.cut_selections, [], threading.Event()

    def cut_and_cancel(*values, on_progress, **named):
        def advance(done, total):
            if len(steps) == 3:
                is_known.wait()
                running.api.post(f"/jobs/{job}/cancel")
            steps.append(done)
            on_progress(done, total)

        return cut(*values, on_progress=advance, **named)

    monkeypatch.setattr(exports, "cut_selections", cut_and_cancel)
    job = running.submit(kind="cut", moments=[moment(0, 7)] * 2)
    is_known.set()

    assert running.ended(job)["status"] == "cancelled"
    # The worker hears of it a step later.
    other = running.submit(kind="cut", moments=[moment(0, 1)], copy=True)
    running.result(other)
    # Four steps of the first one, one of the other.
    assert len(steps) == 5
    files = (running.service.settings.data / "results").iterdir()
    assert [path.name for path in files] == [f"{other}.zip"]


def test_what_browsers_do_not_play_has_a_preview(running, tmp_path: Path) -> None:
    path = tmp_path / "old.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for step in range(15):
            pixels = np.full((48, 64, 3), 15 * step, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    source = running.upload(path)
    assert not running.api.get(f"/media/info?source={source}").json()["is_playable"]

    answer = running.api.get(f"/media/preview?source={source}")

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "video/mp4")
    shown = tmp_path / "shown.mp4"
    shown.write_bytes(answer.content)
    assert (probe(shown).codec, probe(shown).duration_seconds) == ("h264", pytest.approx(3))
    count = running.service.database.one("SELECT count(*) AS number FROM jobs")["number"]
    again = running.api.get(f"/media/preview?source={source}", headers={"Range": "bytes=0-3"})
    assert (again.status_code, again.content) == (206, answer.content[:4])
    assert running.service.database.one("SELECT count(*) AS number FROM jobs")["number"] == count


def test_a_preview_of_what_plays_is_the_file_itself(running, media: Path) -> None:
    answer = running.api.get(f"/media/preview?source={VIDEO}")

    assert answer.content == (media / "match.mp4").read_bytes()
    picture = running.api.get("/media/preview?source=folder:media/query.png")
    assert picture.status_code == 422
    assert picture.json()["error"]["type"] == "media"


def test_sound_that_browsers_do_not_hear_needs_a_preview(tmp_path: Path) -> None:
    audio, silence = AudioFormat(sample_rate=44100, layout="mono"), np.zeros((1, 1024), np.float32)
    with VideoWriter(tmp_path / "a.mp4", frame_rate=Fraction(5), audio=audio) as writer:
        writer.write(np.zeros((48, 64, 3), np.uint8))
        sound = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
        sound.sample_rate, sound.pts = 44100, 0
        writer.write_audio(sound)
    assert is_playable(tmp_path / "a.mp4")
    (tmp_path / "b.mp4").write_text(json.dumps({}))
    assert not is_playable(tmp_path / "b.mp4")

/** The video: uploaded while it already plays, played from a moment, stepped by frames. */

import { $, about, announce, clearFault, formatBytes, formatPercent, formatTime, showFault, showJob } from "./dom.js";
import { call, insist, infoPath, mediaUrl, previewUrl, upload, watchJob } from "./api.js";

/**
 * @param onChange  called when another video is loaded, and again when more is known of it
 * @param onTime    called with the play head's seconds
 */
export function createPlayer({ onChange, onTime }) {
  const video = $("video");
  let media = null;
  let isPreview = false;
  let wanted = null;

  /** Loads a local file: it plays at once from this machine, and is sent beside that. */
  function loadFile(file) {
    const local = URL.createObjectURL(file);
    begin({ source: null, name: file.name, duration: null, frameRate: null, local });
    const sending = upload(file, file.name, (share) => {
      if (media !== mine) return;
      $("video-progress").value = share;
      $("video-work-text").textContent =
        share < 1 ? `Uploading, ${formatPercent(share)} of ${formatBytes(file.size)}` : "Checking the file";
    });
    const mine = media;
    mine.abort = sending.abort;
    showWork("Uploading");
    mine.ready = sending.done.then(
      async (sent) => {
        if (sent.kind !== "video") {
          throw new Error(`${file.name} is a picture. Choose a video file, or add the picture at the side.`);
        }
        Object.assign(mine, { source: sent.source, duration: sent.duration_seconds });
        Object.assign(mine, known(await insist(infoPath(sent.source))));
        if (media === mine) settle();
        return mine;
      },
    );
    mine.ready.catch((error) => media === mine && fail(error, () => loadFile(file)));
    return mine.ready;
  }

  /** Loads a video that the service has. */
  function loadSource(source, name = null) {
    begin({ source, name: name ?? nameOf(source), duration: null, frameRate: null, local: null });
    const mine = media;
    mine.ready = insist(infoPath(source)).then((info) => {
      Object.assign(mine, known(info));
      if (media === mine) {
        show();
        settle();
      }
      return mine;
    });
    mine.ready.catch((error) => media === mine && fail(error));
    return mine.ready;
  }

  const known = (info) => ({
    name: info.name,
    duration: info.duration_seconds,
    frameRate: info.frame_rate,
    isPlayable: info.is_playable,
  });

  function begin(next) {
    media?.abort?.();
    if (media?.local) URL.revokeObjectURL(media.local);
    media = next;
    isPreview = false;
    wanted = null;
    clearFault($("video-error"));
    $("video-drop").hidden = true;
    $("change-video").hidden = false;
    $("player").hidden = false;
    $("video-work").hidden = true;
    if (next.local) video.src = next.local;
    else video.removeAttribute("src");
    tell();
  }

  /** Shows a source that is not local, as a version that browsers play where its own is none. */
  function show() {
    isPreview = media.isPlayable === false;
    if (isPreview) showPreview();
    else video.src = mediaUrl(media.source);
  }

  async function showPreview() {
    const mine = media;
    isPreview = true;
    showWork("Preparing a version that this browser can play");
    try {
      const job = await call("POST", "/jobs", { kind: "preview", source: mine.source });
      const stop = watchJob(job.id, (now) => {
        if (media !== mine) return stop();
        if (now.status === "done") video.src = previewUrl(mine.source);
        else if (now.status === "failed") tellUnplayable(now.error);
        else showJob(now, { bar: $("video-progress"), text: $("video-work-text") });
      });
    } catch (error) {
      if (media === mine) tellUnplayable(error);
    }
  }

  function tellUnplayable(error) {
    $("video-work").hidden = true;
    const text = `${media.name} cannot be shown in this browser (${error.message}). It can still be searched.`;
    showFault($("video-error"), new Error(text), showPreview);
  }

  /** The upload is there. */
  function settle() {
    media.abort = null;
    if (!isPreview) $("video-work").hidden = true;
    if (media.isBroken || (media.local && media.isPlayable === false && video.readyState === 0)) showPreview();
    tell();
  }

  function fail(error, again = null) {
    $("video-work").hidden = true;
    if (error.type === "aborted") return clear();
    const { name } = media;
    clear();
    // The same file will not be read another time, but may well get through.
    const isFinal = ["media", "unsupported_type", "too_large"].includes(error.type);
    showFault($("video-error"), about(name, error), isFinal ? null : again);
  }

  /** Back to where no video is loaded. */
  function clear() {
    if (media?.local) URL.revokeObjectURL(media.local);
    media = null;
    video.removeAttribute("src");
    video.load();
    $("video-drop").hidden = false;
    $("change-video").hidden = true;
    $("player").hidden = true;
    tell();
  }

  function showWork(text) {
    $("video-work").hidden = false;
    $("video-abort").hidden = !media.abort;
    $("video-progress").removeAttribute("value");
    $("video-work-text").textContent = text;
  }

  function tell() {
    $("video-name").textContent = media?.name ?? "Video";
    document.title = media?.name ? `${media.name} – stillseek` : "stillseek";
    $("video-facts").textContent = media?.duration ? formatTime(media.duration, 0) : "";
    $("ask-frame").disabled = !media?.source;
    onChange(media);
  }

  video.addEventListener("loadedmetadata", () => {
    if (isPreview) $("video-work").hidden = true;
    if (media && !media.duration && Number.isFinite(video.duration)) {
      media.duration = video.duration;
      tell();
    }
    if (wanted) seek(...wanted);
  });
  video.addEventListener("error", () => {
    if (!media || !video.getAttribute("src")) return;
    if (isPreview) {
      tellUnplayable(new Error("it does not play the version that was made, either"));
    } else if (media.source && media.frameRate !== undefined && media.duration) {
      showPreview();
    } else {
      media.isBroken = true; // the upload goes on; then a version is made that plays
    }
  });
  $("video-abort").addEventListener("click", () => media?.abort?.());

  /** Puts the play head to a time, and plays from there where that is asked for. */
  function seek(seconds, isPlaying = false) {
    wanted = null;
    if (video.readyState === 0) {
      wanted = [seconds, isPlaying];
      return;
    }
    video.currentTime = Math.max(0, seconds);
    // The browser may refuse to play before the first click on the page: the frame is shown then.
    if (isPlaying) video.play().catch(() => {});
  }

  /** Shows the frame at a time while an end is dragged: only one seek runs at a time. */
  function peek(seconds) {
    video.pause();
    if (!video.seeking) seek(seconds);
    else wantedPeek = seconds;
  }
  let wantedPeek = null;
  video.addEventListener("seeked", () => {
    if (wantedPeek === null) return;
    const next = wantedPeek;
    wantedPeek = null;
    seek(next);
  });

  // The time of the frame on the screen, which is not quite currentTime; not every browser tells.
  let shown = null;
  function followFrames() {
    video.requestVideoFrameCallback?.((_now, { mediaTime }) => {
      shown = mediaTime;
      followFrames();
    });
  }
  followFrames();
  video.addEventListener("seeking", () => (shown = null));

  const step = () => (media?.frameRate ? 1 / media.frameRate : 0.1);

  function stepFrames(count) {
    video.pause();
    seek(Math.max(0, video.currentTime + count * step()));
    announce(formatTime(video.currentTime, 2));
  }

  // Four times a second is what the browser tells by itself: the play head would hop.
  function follow() {
    onTime(video.currentTime);
    if (!video.paused) requestAnimationFrame(follow);
  }
  for (const name of ["play", "seeking", "seeked", "timeupdate"]) {
    video.addEventListener(name, () => (name === "play" ? follow() : onTime(video.currentTime)));
  }

  return {
    loadFile,
    loadSource,
    seek,
    peek,
    stepFrames,
    step,
    clear,
    /** On a phone the list is below the video. */
    reveal: () => video.getBoundingClientRect().top < 0 && video.scrollIntoView({ block: "start" }),
    pause: () => video.pause(),
    get media() {
      return media;
    },
    get time() {
      return video.currentTime;
    },
    /** Time of the frame that is shown; a hair later, as rounding must not find the one before. */
    get frameTime() {
      return (shown ?? video.currentTime) + 0.001;
    },
  };
}

/** What a source is called until the service has said more: the id of an upload says nothing. */
export const nameOf = (source) =>
  source.startsWith("upload:") ? "Upload" : source.slice(source.indexOf(":") + 1).split("/").pop();

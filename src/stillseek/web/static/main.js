/** Puts the parts together: views, addresses, files that are dropped or pasted, and keys. */

import { $, announce, clearFault, formatBytes, nameParts, showFault } from "./dom.js";
import { insist, onOffline } from "./api.js";
import { createAsk, showVerdict } from "./ask.js";
import { choose } from "./chooser.js";
import { createExport } from "./export.js";
import { createLibrary } from "./library.js";
import { createMoments } from "./moments.js";
import { createPictures } from "./pictures.js";
import { createPlayer } from "./player.js";
import { createTimeline } from "./timeline.js";

const VIDEO_ENDINGS = /\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|m2?ts|mts|mxf|wmv|flv|ogv|3gp)$/i;
const places = { folders: [], hasLibrary: false };
// The last address of each view, which its tab leads back to.
const addresses = { find: "#find", library: "#library" };
const shown = { find: null, library: null };
let loaded = null;

const player = createPlayer({ onChange: onMedia, onTime: (seconds) => timeline.setTime(seconds) });
const timeline = createTimeline($("timeline"), {
  onSeek: (seconds, isPlaying) => (isPlaying ? player.seek(seconds, true) : player.peek(seconds)),
  onPick: (moment) => moments.pick(moment),
  onDrag: (moment, end, seconds) => moments.drag(moment, end, seconds),
  onDrop: (moment) => moments.drop(moment),
  step: () => player.step(),
});
const moments = createMoments({ player, timeline, onSimilar: askSimilar, onChange: () => exporting?.update() });
const exporting = createExport(moments);
const pictures = createPictures({ onChange: () => ask?.update() });
const ask = createAsk({ player, pictures, onStart, onAnswer });
const library = createLibrary({
  onOpen: (source, name) => openVideo(source, name),
  onResult: openRow,
  onSimilar: askSimilar,
});

function onMedia(media) {
  if (media !== loaded) {
    loaded = media;
    // What was found belongs to the video before.
    if (shown.find || !$("answer").hidden) forget();
    ask?.cancel();
  }
  timeline?.setDuration(media?.duration);
  if (moments?.count) timeline.draw();
  ask?.update();
  if (media?.source && !shown.find) setAddress("find", { video: media.source }, { isNew: false });
}

function forget() {
  shown.find = null;
  $("answer").hidden = true;
  $("zoom").setAttribute("aria-pressed", "false");
  moments.clear();
}

function openVideo(source, name) {
  shown.find = null;
  setAddress("find", { video: source }, { isNew: true });
  setView("find");
  return player.loadSource(source, name);
}

/** A row of a library search, as the one video's result that it is. */
async function openRow(row) {
  const from = shown.library;
  await openVideo(row.source, nameParts(row.video)[0]);
  shown.find = `${from} ${row.source}`;
  setAddress("find", { from, video: row.source }, { isNew: false });
  showResult(row, shown.find, namesOfPictures());
}

function askSimilar(moment) {
  setView("library");
  ask.run({ kind: "similar", source: moment.source, start_seconds: moment.start, end_seconds: moment.end, limit: 12 });
}

const namesOfPictures = () => pictures.all.map((picture) => picture.name).join(", ");

function onStart(job) {
  const view = job.kind === "locate" ? "find" : "library";
  shown[view] = job.id;
  setAddress(view, { job: job.id }, { isNew: true });
}

function onAnswer(result, job) {
  if (job.kind === "locate") {
    showResult(result, job.id, namesOfPictures());
  } else {
    library.showResults(result, job.kind === "similar" ? "More like this" : "Found in the library");
    if (!$("library-view").hidden) reveal($("results-title"));
  }
}

function showResult(result, key, query) {
  showVerdict(result);
  moments.show(result, key, query);
  const best = moments.selected;
  if (best) player.seek(best.start);
  if (!$("find-view").hidden) reveal($("verdict"));
}

/** The answer takes the focus, and on a phone it is brought onto the screen. */
function reveal(title) {
  title.focus({ preventScroll: true });
  const box = title.getBoundingClientRect();
  if (box.top < 0 || box.bottom > innerHeight * 0.8) title.scrollIntoView({ block: "start" });
}

function setView(view) {
  for (const name of ["find", "library"]) {
    $(`${name}-view`).hidden = name !== view;
    if (name === view) $(`tab-${name}`).setAttribute("aria-current", "page");
    else $(`tab-${name}`).removeAttribute("aria-current");
  }
  // What is moved loses the focus.
  if ($("ask").parentElement !== $(`ask-place-${view}`)) $(`ask-place-${view}`).append($("ask"));
  if (view === "library") {
    player.pause();
    if (!$("videos").childElementCount) library.showVideos();
  }
  ask.setView(view);
}

function setAddress(view, values, { isNew }) {
  const query = new URLSearchParams(values).toString();
  addresses[view] = `#${view}${query && `&${query}`}`;
  if (location.hash === addresses[view] || (!isNew && $(`${view}-view`).hidden)) return;
  history[isNew ? "pushState" : "replaceState"](null, "", addresses[view]);
}

/** Shows what the address says: after a reload, a step back, or from a bookmark. */
async function restore() {
  const [name, ...rest] = location.hash.slice(1).split("&");
  const view = name === "library" && places.hasLibrary ? "library" : "find";
  const wish = new URLSearchParams(rest.join("&"));
  setView(view);
  addresses[view] = location.hash || "#find";
  try {
    if (view === "library") await restoreLibrary(wish);
    else await restoreFind(wish);
  } catch (error) {
    showFault($("ask-error"), error);
  }
}

async function restoreFind(wish) {
  const [job, from, video] = ["job", "from", "video"].map((key) => wish.get(key));
  if (job) {
    if (job === shown.find) return;
    const known = await insist(`/jobs/${job}`);
    pictures.restore(known.request.queries);
    player.loadSource(known.request.video).catch(() => {});
    shown.find = job;
    setAddress("find", { job }, { isNew: false });
    ask.follow(known);
  } else if (from && video) {
    if (shown.find === `${from} ${video}`) return;
    const { results } = await insist(`/jobs/${from}/result`);
    shown.library = from;
    addresses.library = `#library&job=${from}`;
    const row = results.find((result) => result.source === video);
    if (row) await openRow(row);
  } else if (video && player.media?.source !== video) {
    player.loadSource(video).catch(() => {});
  }
}

async function restoreLibrary(wish) {
  const job = wish.get("job");
  if (!job || job === shown.library) return;
  const known = await insist(`/jobs/${job}`);
  if (known.request.queries) pictures.restore(known.request.queries);
  shown.library = job;
  ask.follow(known);
}

function takeFiles(files, zone) {
  for (const file of files) {
    const isVideo = file.type.startsWith("video/") || VIDEO_ENDINGS.test(file.name);
    const isPicture = file.type.startsWith("image/");
    if (isVideo || (!isPicture && zone === "video")) {
      if ($("find-view").hidden) setView("find");
      shown.find = null;
      player.loadFile(file).catch(() => {});
    } else {
      pictures.addFile(file);
    }
  }
}

function watchDrops() {
  let depth = 0;
  const isFiles = (event) => event.dataTransfer?.types.includes("Files");
  const setOver = (isOver) => document.body.classList.toggle("is-over", isOver);
  addEventListener("dragenter", (event) => {
    if (isFiles(event)) setOver((depth += 1) > 0);
  });
  addEventListener("dragleave", (event) => {
    if (isFiles(event)) setOver((depth -= 1) > 0);
  });
  addEventListener("dragover", (event) => isFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!isFiles(event)) return;
    event.preventDefault();
    depth = 0;
    setOver(false);
    takeFiles(event.dataTransfer.files, event.target.closest?.("#stage") ? "video" : "picture");
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    takeFiles(files, "picture");
    announce("Pasted.");
  });
}

function watchButtons() {
  for (const name of ["video", "picture"]) {
    const input = $(`${name}-file`);
    $(`choose-${name}`).addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      const files = [...input.files];
      input.value = "";
      if (name === "video") files.forEach((file) => player.loadFile(file).catch(() => {}));
      else files.forEach((file) => pictures.addFile(file));
    });
  }
  $("browse-video").addEventListener("click", async () => {
    const chosen = await choose({ title: "Choose a video", kind: "video", places });
    if (chosen) openVideo(chosen.source, chosen.name).catch(() => {});
  });
  $("browse-picture").addEventListener("click", async () => {
    const chosen = await choose({ title: "Choose a picture", kind: "image", places });
    if (chosen) pictures.addSource(chosen.source, { name: chosen.name });
  });
  $("change-video").addEventListener("click", () => {
    player.clear();
    setAddress("find", {}, { isNew: true });
    $("choose-video").focus();
  });
  $("ask-frame").addEventListener("click", () => {
    player.pause();
    pictures.addSource(player.media.source, { name: player.media.name, seconds: player.frameTime });
    announce("The frame was added to the pictures.");
  });
  $("frame-back").addEventListener("click", () => player.stepFrames(-1));
  $("frame-on").addEventListener("click", () => player.stepFrames(1));
  $("start-here").addEventListener("click", () => moments.moveEndHere("start"));
  $("end-here").addEventListener("click", () => moments.moveEndHere("end"));
  $("undo").addEventListener("click", () => moments.undo());
  $("zoom").addEventListener("click", () => {
    const isZoomed = $("zoom").getAttribute("aria-pressed") !== "true";
    $("zoom").setAttribute("aria-pressed", String(isZoomed));
    timeline.zoom(isZoomed ? moments.selected : null);
  });
  $("add-folder").addEventListener("click", () => library.addFolder(places));
  for (const name of ["find", "library"]) {
    $(`tab-${name}`).addEventListener("click", (event) => {
      event.preventDefault();
      if (location.hash !== addresses[name]) history.pushState(null, "", addresses[name]);
      setView(name);
    });
  }
}

/** Single keys work where the video or its moments have the focus, so that they hurt nobody else. */
function watchKeys() {
  const keys = {
    i: () => moments.moveEndHere("start"),
    o: () => moments.moveEndHere("end"),
    ",": () => player.stepFrames(-1),
    ".": () => player.stepFrames(1),
  };
  addEventListener("keydown", (event) => {
    const isText = event.target.matches?.("input:not([type=radio]):not([type=checkbox]), select");
    if (isText) return;
    if ((event.ctrlKey || event.metaKey) && event.key === "z") {
      event.preventDefault();
      moments.undo();
      return;
    }
    const isHere = event.target.closest?.("#player, #moments");
    if (!isHere || event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys) || !player.media) return;
    event.preventDefault();
    keys[event.key]();
  });
}

async function begin() {
  onOffline((isOffline) => {
    $("offline").textContent = isOffline ? "The service does not answer. Trying again; nothing is lost." : "";
  });
  watchButtons();
  watchDrops();
  watchKeys();
  ask.update();
  const health = await insist("/health");
  Object.assign(places, { folders: health.folders, hasLibrary: health.has_library });
  const { limits } = health;
  pictures.limit(limits.max_queries);
  ask.limit(limits.max_top);
  $("tab-library").hidden = !health.has_library;
  $("browse-video").hidden = !places.folders.length && !places.hasLibrary;
  $("browse-picture").hidden = !places.folders.length;
  $("add-folder").hidden = !places.folders.length;
  const upTo = limits.max_upload_bytes ? `Up to ${formatBytes(limits.max_upload_bytes)}. ` : "";
  const kept = limits.keep_hours ? `, and is removed after ${limits.keep_hours} hours` : "";
  $("upload-note").textContent = `${upTo}It stays on the machine that runs stillseek${kept}.`;
  $("about").textContent = `stillseek ${health.version}, recipe ${health.recipe}`;
  clearFault($("ask-error"));
  addEventListener("popstate", restore);
  await restore();
}

begin().catch((error) => showFault($("ask-error"), error));

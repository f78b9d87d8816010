/** The library: searched by picture, listed by name, and made larger by folders. */

import { $, announce, clearFault, formatSpan, formatTime, h, later, nameParts, plural, showFault, showJob } from "./dom.js";
import { call, frameUrl, stripUrl, watchJob } from "./api.js";
import { presenceInWords } from "./ask.js";
import { choose } from "./chooser.js";

const PAGE = 24;

/**
 * @param onOpen     (source, name) of a video
 * @param onResult   (row) of a result to open at its moment
 * @param onSimilar  (moment)
 */
export function createLibrary({ onOpen, onResult, onSimilar }) {
  const fault = $("library-error");
  let total = 0;
  let turn = 0;

  function showResults(result, title) {
    $("results-title").textContent = title;
    $("results-card").hidden = false;
    $("results").replaceChildren(...result.results.map(resultOf));
    const reason = result.uncalibrated ?? result.results.find((row) => row.uncalibrated)?.uncalibrated;
    $("results-note").hidden = !reason && result.results.length > 0;
    $("results-note").textContent = result.results.length
      ? `No probabilities, because ${reason}.`
      : "Nothing in the library fits.";
    announce(`${title}: ${plural(result.results.length, "video")}.`);
  }

  function resultOf(row, index) {
    const [best] = row.moments;
    const isKnown = row.presence !== null && row.presence !== undefined && row.found !== null;
    const [name, folder] = nameParts(row.video);
    const span = best ? formatSpan(best.start_seconds, best.end_seconds) : "no moment";
    const strip = best && h("img", { className: "strip", alt: "", loading: "lazy", src: stripUrl(row.source, best.start_seconds, best.end_seconds) });
    const open = h(
      "button",
      { type: "button", className: "result-open", "aria-label": `Open ${name}, ${span}`, onclick: () => onResult(row) },
      strip,
      h("span", { className: "moment-head" }, h("b", { className: "rank" }, String(index + 1)), h("span", { className: "name", title: row.video }, name), h("span", { className: "faint name" }, folder)),
      h("span", { className: "moment-head" }, h("span", { className: "time" }, span),
        isKnown ? h("span", { className: "score" }, presenceInWords(row.presence, row.found)) : null),
    );
    const moment = best && { source: row.source, start: best.start_seconds, end: best.end_seconds };
    const similar = best && h("button", { type: "button", "aria-label": `More like this moment of ${name}`, onclick: () => onSimilar(moment) }, "More like this");
    return h("li", { className: `result${isKnown && !row.found ? " is-absent" : ""}` }, open, h("div", { className: "row tight" }, similar));
  }

  async function showVideos(isMore = false) {
    const mine = (turn += 1);
    const offset = isMore ? $("videos").childElementCount : 0;
    const contains = $("filter").value.trim();
    try {
      const answer = await call("GET", `/library/videos?${new URLSearchParams({ offset, limit: PAGE, contains })}`);
      if (mine !== turn) return;
      clearFault(fault);
      total = answer.total;
      const items = answer.videos.map(videoOf);
      if (isMore) $("videos").append(...items);
      else $("videos").replaceChildren(...items);
      const isEmpty = !total && !contains;
      $("videos-count").textContent = contains ? `${total} with this in the name` : isEmpty ? "" : String(total);
      $("filter").closest(".field").hidden = isEmpty;
      $("videos-empty").hidden = !isEmpty;
      $("more-videos").hidden = $("videos").childElementCount >= total;
      if (isMore) items[0]?.querySelector("button").focus();
    } catch (error) {
      if (mine === turn) showFault(fault, error, () => showVideos(isMore));
    }
  }

  function videoOf({ source, name, duration_seconds: seconds }) {
    const [shortName, folder] = nameParts(name);
    const poster = h("img", { alt: "", loading: "lazy", src: frameUrl(source, seconds / 5, 240), onerror: () => (poster.className = "is-missing") });
    return h(
      "li",
      {},
      h("button", { type: "button", className: "video-open", title: name, onclick: () => onOpen(source, shortName) },
        poster, h("span", { className: "name" }, shortName), h("span", { className: "faint name" }, [formatTime(seconds, 0), folder].filter(Boolean).join(" · "))),
    );
  }

  async function addFolder(places) {
    const chosen = await choose({ title: "Add a folder to the library", kind: "folder", places });
    if (!chosen) return;
    clearFault(fault);
    try {
      const job = await call("POST", "/jobs", { kind: "add", ...chosen });
      const stop = watchJob(job.id, drawAdding);
      drawAdding(job);
      $("add-cancel").onclick = async () => {
        stop();
        drawAdding(await call("POST", `/jobs/${job.id}/cancel`).catch((error) => ({ status: "failed", error })));
      };
    } catch (error) {
      showFault(fault, error);
    }
  }

  function drawAdding(job) {
    const isRunning = job.status === "queued" || job.status === "running";
    $("add-job").hidden = !isRunning;
    $("add-folder").disabled = isRunning;
    if (isRunning) {
      showJob(job, { bar: $("add-progress"), text: $("add-text") });
      return;
    }
    if (job.status === "failed") showFault(fault, job.error);
    else announce(job.status === "done" ? "The folder is in the library." : "Adding was stopped.");
    showVideos();
  }

  $("filter").addEventListener("input", later(250, () => showVideos()));
  $("more-videos").addEventListener("click", () => showVideos(true));
  return { showResults, showVideos, addFolder };
}

/** Moments as files: lists for editing programs, and clips. */

import { $, announce, clearFault, plural, save, showFault, showJob } from "./dom.js";
import { call, download, watchJob } from "./api.js";

const FORMATS = {
  edl: "EDL, any editor",
  fcpxml: "Final Cut XML",
  otio: "OpenTimelineIO",
  "premiere.csv": "Premiere markers",
  "resolve.csv": "Resolve markers",
  vtt: "WebVTT chapters",
  csv: "CSV table",
  json: "JSON",
};

/** @param moments  of createMoments */
export function createExport(moments) {
  const fault = $("export-error");
  const format = $("format");
  let stop = null;
  let cutJob = null;
  for (const [value, text] of Object.entries(FORMATS)) format.append(new Option(text, value));

  const isKeptOnly = () => $("which-kept").checked;
  const pad = () => Math.max(0, Number.parseFloat($("pad").value) || 0);

  function update() {
    const [kept, all] = [moments.chosen(true), moments.chosen(false)];
    $("export").hidden = !kept.length && !all.length;
    const videos = new Set(kept.map((moment) => moment.source)).size;
    $("kept-text").textContent = videos > 1 ? `Kept (${kept.length} of ${videos} videos)` : `Kept (${kept.length})`;
    $("all-text").textContent = `All (${all.length})`;
    const hasKept = kept.length > 0;
    if (hasKept && $("which-kept").disabled) $("which-kept").checked = true;
    $("which-kept").disabled = !hasKept;
    $("which-all").disabled = !all.length;
    if (!hasKept) $("which-all").checked = true;
    if (!all.length) $("which-kept").checked = true;
  }

  async function downloadList() {
    clearFault(fault);
    const body = {
      format: format.value,
      moments: moments.chosen(isKeptOnly()),
      pad_seconds: pad(),
      start_at_zero: $("start-at-zero").checked,
    };
    try {
      announce(`Saved ${await download("/exports", body, `moments.${format.value}`)}.`);
    } catch (error) {
      showFault(fault, error);
    }
  }

  async function cut() {
    clearFault(fault);
    const chosen = moments.chosen(isKeptOnly()).map(({ score: _score, ...moment }) => moment);
    try {
      cutJob = await call("POST", "/jobs", { kind: "cut", moments: chosen, copy: false, pad_seconds: pad() });
    } catch (error) {
      showFault(fault, error);
      return;
    }
    announce(`Cutting ${plural(chosen.length, "clip")}.`);
    draw(cutJob);
    stop = watchJob(cutJob.id, draw);
  }

  function draw(job) {
    const isRunning = job.status === "queued" || job.status === "running";
    $("cut-job").hidden = !isRunning;
    $("cut-clips").disabled = isRunning;
    if (isRunning) showJob(job, { bar: $("cut-progress"), text: $("cut-text") });
    else if (job.status === "failed") showFault(fault, job.error);
    else if (job.status === "done") {
      save(`/api/v1/jobs/${job.id}/file`, "clips.zip");
      announce("The clips are ready.");
    }
  }

  $("download-list").addEventListener("click", downloadList);
  $("cut-clips").addEventListener("click", cut);
  $("cut-cancel").addEventListener("click", async () => {
    stop?.();
    try {
      draw(await call("POST", `/jobs/${cutJob.id}/cancel`));
    } catch (error) {
      draw({ status: "failed", error });
    }
  });
  return { update };
}

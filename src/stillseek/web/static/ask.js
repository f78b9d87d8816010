/** Asking: one search at a time, its progress, and its answer when it is there. */

import { $, announce, clearFault, plural, showFault, showJob } from "./dom.js";
import { call, insist, watchJob } from "./api.js";

const TOPS = [1, 3, 5, 10, 20];
const USUAL_TOP = 3;
const LIBRARY_LIMIT = 24;

/**
 * @param onStart   (job) when a search was taken
 * @param onAnswer  (result, job)
 */
export function createAsk({ player, pictures, onStart, onAnswer }) {
  const fault = $("ask-error");
  let view = "find";
  let isBusy = false;
  let job = null;
  let stop = null;
  let turn = 0;

  function limit(maxTop) {
    const tops = TOPS.filter((top) => top <= maxTop);
    const options = tops.map((top) => new Option(plural(top, "moment"), top));
    $("top").replaceChildren(...options);
    $("top").value = Math.min(USUAL_TOP, tops.at(-1));
  }

  function update() {
    const needs = [];
    if (view === "find" && !player.media) needs.push("a video");
    if (!pictures.hasWanted) needs.push(pictures.all.length ? "a picture of what it is like" : "a picture");
    $("find").disabled = isBusy || needs.length > 0;
    $("find").textContent = view === "find" ? "Find it" : "Search the library";
    $("find").hidden = $("top-label").hidden = isBusy;
    if (view === "library") $("top-label").hidden = true;
    $("find-hint").textContent = needs.length ? `Needs ${needs.join(" and ")}.` : "";
    $("find-hint").hidden = isBusy || !needs.length;
    $("job").hidden = !isBusy;
    $("picture-drop").classList.toggle("is-small", pictures.all.length > 0);
  }

  function setBusy(value, text = "") {
    isBusy = value;
    if (value) {
      $("job-progress").removeAttribute("value");
      $("job-text").textContent = text;
      $("job-left").textContent = "";
    }
    update();
  }

  async function start() {
    const kind = view;
    const media = player.media;
    const mine = (turn += 1);
    clearFault(fault);
    setBusy(true, "Waiting for the upload");
    $("cancel").focus();
    try {
      const [queries] = await Promise.all([pictures.queries(), kind === "find" ? media.ready : null]);
      if (mine !== turn) return;
      await send(
        kind === "find"
          ? { kind: "locate", video: media.source, queries, top: Number($("top").value) }
          : { kind: "search", queries, limit: LIBRARY_LIMIT, in: null },
        mine,
      );
    } catch (error) {
      if (mine !== turn) return;
      setBusy(false);
      // A file that could not be sent has said so in its own place.
      if (error.status || error.type === "offline") showFault(fault, error, start);
      $("find").focus();
    }
  }

  async function send(body, mine) {
    const submitted = await call("POST", "/jobs", body);
    if (mine !== turn) {
      // It was cancelled before the service had answered.
      stopOnServer(submitted);
      return;
    }
    follow(submitted);
    onStart(submitted);
  }

  const stopOnServer = ({ id }) => call("POST", `/jobs/${id}/cancel`).catch(() => {});

  /** Other searches than of this page's button: "more like this". */
  async function run(body) {
    const mine = (turn += 1);
    clearFault(fault);
    setBusy(true, "Starting");
    try {
      await send(body, mine);
    } catch (error) {
      if (mine !== turn) return;
      setBusy(false);
      showFault(fault, error, () => run(body));
    }
  }

  /** Follows a search that was submitted, by this page or before it was loaded again. */
  function follow(submitted) {
    stop?.();
    job = submitted;
    setBusy(true);
    const onJob = async (now) => {
      if (now.status === "queued" || now.status === "running") {
        showJob(now, { bar: $("job-progress"), text: $("job-text"), left: $("job-left") });
        return;
      }
      job = null;
      if (now.status === "done") {
        try {
          const result = await insist(`/jobs/${now.id}/result`);
          setBusy(false);
          onAnswer(result, submitted);
        } catch (error) {
          setBusy(false);
          showFault(fault, error);
        }
        return;
      }
      setBusy(false);
      if (now.status === "failed") showFault(fault, now.error, submitted.request && (() => run(submitted.request)));
      else announce("The search was cancelled.");
    };
    stop = watchJob(submitted.id, onJob);
  }

  /** Stops what runs, here and on the server. */
  function cancel() {
    turn += 1;
    stop?.();
    if (job) stopOnServer(job);
    job = null;
    if (isBusy) announce("The search was cancelled.");
    setBusy(false);
  }

  $("find").addEventListener("click", start);
  $("cancel").addEventListener("click", () => {
    cancel();
    $("find").focus();
  });
  return {
    limit,
    update,
    run,
    follow,
    cancel,
    setView(next) {
      view = next;
      update();
    },
  };
}

/** What a presence means, in words that agree with what the threshold says. */
export function presenceInWords(presence, isFound) {
  const share = `${Math.round(presence * 100)}%`;
  const steps = isFound
    ? [[0.95, "almost certain"], [0.8, "very likely"], [0.6, "likely"], [0, "possible"]]
    : [[0.4, "not sure"], [0.2, "unlikely"], [0.05, "very unlikely"], [0, "almost certainly not"]];
  return `${share}, ${steps.find(([least]) => presence >= least)[1]}`;
}

/** Says first whether it is in the video. */
export function showVerdict(result) {
  const { presence, found, moments } = result;
  const isKnown = presence !== null && found !== null;
  const verdict = $("verdict");
  verdict.textContent = !isKnown
    ? moments.length ? "Most like the picture" : "Nothing found"
    : found ? "In this video" : "Probably not in this video";
  $("answer").classList.toggle("is-absent", isKnown && !found);
  $("presence").textContent = isKnown
    ? `${presenceInWords(presence, found)}${!found && moments.length ? ". The moments most like the picture:" : ""}`
    : "No probability can be given.";
  $("uncalibrated").hidden = !result.uncalibrated;
  $("uncalibrated").textContent = result.uncalibrated ? `Because ${result.uncalibrated}.` : "";
  $("answer").hidden = false;
  announce(`${verdict.textContent}. ${$("presence").textContent} ${plural(moments.length, "moment")}.`);
}

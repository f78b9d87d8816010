/** The moments that were found: played, moved, kept or skipped, and every step undone. */

import { $, announce, clearFault, formatPercent, formatSpan, h, later, showFault } from "./dom.js";
import { call, stripUrl } from "./api.js";

// Of moments that are kept before anybody has said what they show.
const UNNAMED = "unnamed";

/**
 * @param player    plays from a moment
 * @param timeline  draws them
 * @param actions   onSimilar(moment), onChange()
 */
export function createMoments({ player, timeline, onSimilar, onChange }) {
  const list = $("moments");
  const label = $("label");
  let moments = [];
  let selected = null;
  let query = "";
  let storeKey = null;
  let history = [];
  let open = null; // {moment, before} of an end that is being moved
  // Kept ones of videos that are not on the screen any more: an export may span several.
  const keptElsewhere = new Map();

  /** Shows others; `key` names them in the tab's memory, so that a reload has the edits again. */
  function show(result, key, asked) {
    stash();
    [storeKey, query, history, open] = [key, asked, [], null];
    const stored = JSON.parse(sessionStorage.getItem(`stillseek:${key}`) ?? "null");
    label.value = stored?.label ?? "";
    moments = result.moments.map((moment, index) => {
      const original = { start: moment.start_seconds, end: moment.end_seconds };
      const fresh = {
        source: result.source,
        rank: index + 1,
        score: moment.score,
        original,
        ...original,
        decision: null,
        labelId: null,
      };
      return Object.assign(fresh, stored?.moments[index]);
    });
    for (const moment of moments) {
      defineSkipped(moment);
      keptElsewhere.delete(idOf(moment));
    }
    selected = moments[0] ?? null;
    list.replaceChildren(...moments.map(cardOf));
    clearFault($("moments-error"));
    timeline.setResult(result.similarity, moments, selected);
    refresh();
  }

  function clear() {
    stash();
    [moments, selected, storeKey, history] = [[], null, null, []];
    list.replaceChildren();
    timeline.setResult(null, [], null);
    refresh();
  }

  const idOf = (moment) => `${moment.source} ${moment.original.start} ${moment.original.end}`;
  const defineSkipped = (moment) =>
    Object.defineProperty(moment, "isSkipped", { get: () => moment.decision === "skip", configurable: true });

  function stash() {
    for (const moment of moments) {
      if (moment.decision === "keep") keptElsewhere.set(idOf(moment), { ...moment, name: label.value.trim() });
    }
  }

  function remember() {
    if (!storeKey) return;
    const kept = moments.map(({ start, end, decision, labelId }) => ({ start, end, decision, labelId }));
    sessionStorage.setItem(`stillseek:${storeKey}`, JSON.stringify({ label: label.value, moments: kept }));
  }

  function pick(moment, { isPlaying = true } = {}) {
    selected = moment;
    timeline.setSelected(moment);
    if ($("zoom").getAttribute("aria-pressed") === "true") timeline.zoom(moment);
    refresh();
    if (!isPlaying) return;
    player.seek(moment.start, true);
    player.reveal();
  }

  function cardOf(moment) {
    const time = h("span", { className: "time" });
    const length = h("span", { className: "faint" });
    const strip = h("img", { className: "strip", alt: "", loading: "lazy", onerror: () => (strip.hidden = true), onload: () => (strip.hidden = false) });
    const play = h(
      "button",
      { type: "button", className: "moment-play", onclick: () => pick(moment) },
      h("span", { className: "moment-head" }, h("b", { className: "rank" }, String(moment.rank)), time, length,
        moment.score === null ? null : h("span", { className: "score" }, formatPercent(moment.score))),
      strip,
    );
    const decide = (decision, text) =>
      h("button", {
        type: "button",
        className: `toggle is-${decision}`,
        onclick: () => change(moment, { decision: moment.decision === decision ? null : decision }),
      }, text);
    const [keep, skip] = [decide("keep", "Keep"), decide("skip", "Skip")];
    const similar = moment.source.startsWith("library:")
      ? h("button", { type: "button", "aria-label": `More like moment ${moment.rank}`, onclick: () => onSimilar(moment) }, "More like this")
      : null;
    const card = h("li", { className: "moment" }, play, h("div", { className: "row tight" }, keep, skip, similar));
    const loadStrip = later(400, () => (strip.src = stripUrl(moment.source, moment.start, moment.end)));
    strip.src = stripUrl(moment.source, moment.start, moment.end);
    let drawn = formatSpan(moment.start, moment.end);
    moment.update = () => {
      const span = formatSpan(moment.start, moment.end);
      time.textContent = span;
      length.textContent = `${(moment.end - moment.start).toFixed(1)} s`;
      if (span !== drawn) loadStrip();
      drawn = span;
      const score = moment.score === null ? "" : `, score ${formatPercent(moment.score)}`;
      play.setAttribute("aria-label", `Play moment ${moment.rank}, ${span}${score}`);
      if (moment === selected) play.setAttribute("aria-current", "true");
      else play.removeAttribute("aria-current");
      for (const [button, decision] of [[keep, "keep"], [skip, "skip"]]) {
        button.setAttribute("aria-pressed", String(moment.decision === decision));
        button.setAttribute("aria-label", `${button.textContent} moment ${moment.rank}`);
      }
      card.classList.toggle("is-selected", moment === selected);
      card.classList.toggle("is-skipped", moment.isSkipped);
    };
    return card;
  }

  const stateOf = ({ start, end, decision }) => ({ start, end, decision });

  function change(moment, values) {
    history.push({ moment, before: stateOf(moment) });
    Object.assign(moment, values);
    if (values.decision !== undefined) {
      announce({ keep: `Kept moment ${moment.rank}.`, skip: `Skipped moment ${moment.rank}.` }[values.decision] ?? `Moment ${moment.rank} is not decided.`);
    }
    settle(moment);
  }

  function settle(moment) {
    refresh();
    timeline.draw();
    if (moment.decision || moment.labelId) saveLabel(moment);
  }

  /** An end follows the pointer or the keys, by whole frames; the video shows the frame there. */
  function drag(moment, end, seconds) {
    open ??= { moment, before: stateOf(moment) };
    const frame = player.step();
    const snapped = player.media?.frameRate ? Math.round(seconds / frame) * frame : seconds;
    const { duration } = player.media;
    if (end === "start") moment.start = Math.min(moment.end - frame, Math.max(0, snapped));
    else moment.end = Math.max(moment.start + frame, Math.min(duration, snapped));
    // The end is the first instant that is not in it: what people look for is the last frame that is.
    player.peek(end === "start" ? moment.start + frame / 4 : moment.end - frame / 2);
    moment.update();
    timeline.draw();
  }

  function drop(moment) {
    if (!open) return;
    const { before } = open;
    const wasMoved = before.start !== moment.start || before.end !== moment.end;
    open = null;
    if (!wasMoved) return;
    history.push({ moment, before });
    announce(`Moment ${moment.rank} is now ${formatSpan(moment.start, moment.end)}.`);
    settle(moment);
  }

  function moveEndHere(end) {
    if (!selected) return;
    drag(selected, end, player.time);
    drop(selected);
  }

  function undo() {
    const step = history.pop();
    if (!step) return;
    Object.assign(step.moment, step.before);
    announce("Undone.");
    settle(step.moment);
  }

  /** Saves a decision; one request a moment at a time, and the last wish wins. */
  async function saveLabel(moment) {
    if (moment.isSaving) {
      moment.isStale = true;
      return;
    }
    moment.isSaving = true;
    try {
      if (moment.decision === null) {
        await call("DELETE", `/labels/${moment.labelId}`);
        moment.labelId = null;
      } else {
        const saved = await call("POST", "/labels", {
          ...(moment.labelId === null ? {} : { id: moment.labelId }),
          source: moment.source,
          start_seconds: moment.start,
          end_seconds: moment.end,
          label: label.value.trim() || UNNAMED,
          is_kept: moment.decision === "keep",
          score: moment.score,
          query,
        });
        moment.labelId = saved.id;
      }
      clearFault($("moments-error"));
    } catch (error) {
      const text = `Moment ${moment.rank} was not saved as a label: ${error.message}`;
      showFault($("moments-error"), new Error(text), () => saveLabel(moment));
    }
    moment.isSaving = false;
    remember();
    if (moment.isStale) {
      moment.isStale = false;
      saveLabel(moment);
    }
  }

  function refresh() {
    for (const moment of moments) moment.update();
    $("undo").disabled = !history.length;
    $("edit-tools").hidden = !moments.length;
    remember();
    onChange();
  }

  label.addEventListener("change", () => {
    remember();
    for (const moment of moments) if (moment.decision) saveLabel(moment);
  });

  const named = (moment, name) => ({
    source: moment.source,
    start_seconds: moment.start,
    end_seconds: moment.end,
    score: moment.score,
    name: name || null,
  });

  return {
    show,
    clear,
    pick,
    drag,
    drop,
    undo,
    moveEndHere,
    get selected() {
      return selected;
    },
    get count() {
      return moments.length;
    },
    /** Moments as exports take them: the kept ones of all videos, or all of this one. */
    chosen(isKeptOnly) {
      const here = moments.filter((moment) => !isKeptOnly || moment.decision === "keep");
      const elsewhere = isKeptOnly ? [...keptElsewhere.values()].map((moment) => named(moment, moment.name)) : [];
      return [...elsewhere, ...here.map((moment) => named(moment, label.value.trim()))];
    },
  };
}

/** The time line: similarity curve, threshold, moments as bars, play head, and ends to drag. */

import { formatSpan, formatTime, h } from "./dom.js";

const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
const MOST_POINTS = 1500;
const ENDS = ["start", "end"];

function svg(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/**
 * @param host    an empty element
 * @param onSeek  (seconds, isPlaying)
 * @param onPick  (moment) of a click on its bar
 * @param onDrag  (moment, "start" | "end", seconds): an end is moved; the caller says how far
 * @param onDrop  (moment) when it was let go
 * @param step    () => seconds of one frame
 */
export function createTimeline(host, { onSeek, onPick, onDrag, onDrop, step }) {
  const lane = h("div", { className: "lane" });
  const plot = svg("svg", { class: "plot", viewBox: "0 0 1000 100", preserveAspectRatio: "none", "aria-hidden": "true" });
  const head = h("div", { className: "head", role: "slider", tabIndex: 0, "aria-label": "Play head" });
  const field = h("div", { className: "field-of-time" }, lane, plot, head);
  const ticks = h("div", { className: "ticks", "aria-hidden": "true" });
  host.replaceChildren(field, ticks);

  let duration = 0;
  let view = { from: 0, to: 1 };
  let curve = null;
  let moments = [];
  let selected = null;
  let time = 0;
  const handles = ENDS.map((end) => handle(end));

  const place = (seconds) => (100 * (seconds - view.from)) / (view.to - view.from);
  const clamped = (seconds) => Math.min(100, Math.max(0, place(seconds)));
  const isSeen = (seconds) => seconds >= view.from - 1e-6 && seconds <= view.to + 1e-6;
  function secondsAt(event) {
    const box = field.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    return view.from + share * (view.to - view.from);
  }

  function drawCurve() {
    plot.replaceChildren();
    if (selected && !selected.isSkipped) {
      const left = 10 * clamped(selected.start);
      const width = 10 * clamped(selected.end) - left;
      plot.append(svg("rect", { class: "span", x: left, y: 0, width, height: 100 }));
    }
    if (!curve) return;
    const points = pointsOf(curve, view, duration)
      .map(([seconds, value]) => `${(10 * place(seconds)).toFixed(2)},${(100 - 96 * value).toFixed(2)}`)
      .join(" ");
    const { from, to } = { from: 10 * clamped(0), to: 10 * clamped(duration) };
    plot.append(
      svg("polygon", { class: "area", points: `${from},100 ${points} ${to},100` }),
      svg("polyline", { class: "curve", points }),
    );
    if (curve.threshold !== null && curve.threshold !== undefined) {
      const y = 100 - 96 * curve.threshold;
      plot.append(svg("line", { class: "level", x1: 0, x2: 1000, y1: y, y2: y }));
    }
  }

  function drawBars() {
    lane.replaceChildren(
      ...moments
        .filter((moment) => moment.end > view.from && moment.start < view.to)
        .map((moment) => {
          const bar = h(
            "button",
            {
              type: "button",
              tabIndex: -1, // the list of moments is the way of the keyboard
              className: `bar${moment === selected ? " is-selected" : ""}${moment.isSkipped ? " is-skipped" : ""}`,
              "aria-label": `Play moment ${moment.rank}, ${formatSpan(moment.start, moment.end)}`,
              title: `${moment.rank}: ${formatSpan(moment.start, moment.end)}`,
              onclick: () => onPick(moment),
            },
            h("span", {}, String(moment.rank)),
          );
          bar.style.left = `${clamped(moment.start)}%`;
          bar.style.width = `${clamped(moment.end) - clamped(moment.start)}%`;
          return bar;
        }),
    );
  }

  function drawHandles() {
    for (const [index, end] of ENDS.entries()) {
      const element = handles[index];
      element.hidden = !selected || !isSeen(selected[end]);
      if (!selected) continue;
      element.style.left = `${clamped(selected[end])}%`;
      element.setAttribute("aria-label", `${end === "start" ? "Start" : "End"} of moment ${selected.rank}`);
      element.setAttribute("aria-valuemin", "0");
      element.setAttribute("aria-valuemax", duration.toFixed(3));
      element.setAttribute("aria-valuenow", selected[end].toFixed(3));
      element.setAttribute("aria-valuetext", formatTime(selected[end], 2));
    }
  }

  function drawHead() {
    head.hidden = !isSeen(time);
    head.style.left = `${clamped(time)}%`;
    head.setAttribute("aria-valuemin", "0");
    head.setAttribute("aria-valuemax", duration.toFixed(1));
    head.setAttribute("aria-valuenow", time.toFixed(1));
    head.setAttribute("aria-valuetext", formatTime(time, 1));
  }

  function drawTicks() {
    const most = Math.max(2, Math.floor(host.clientWidth / 88));
    const length = view.to - view.from;
    const gap = STEPS.find((candidate) => length / candidate <= most) ?? length;
    const marks = [];
    for (let index = Math.ceil(view.from / gap - 1e-6); index * gap <= view.to + 1e-6; index += 1) {
      const seconds = index * gap;
      const mark = h("span", {}, formatTime(seconds, gap < 1 ? 1 : 0));
      const at = place(seconds);
      mark.style.left = `${at}%`;
      mark.className = at < 3 ? "is-first" : at > 96 ? "is-last" : "";
      marks.push(mark);
    }
    ticks.replaceChildren(...marks);
  }

  function draw() {
    host.hidden = !duration;
    if (!duration) return;
    field.classList.toggle("is-flat", !curve);
    for (const part of [drawCurve, drawBars, drawHandles, drawHead, drawTicks]) part();
  }

  function handle(end) {
    const element = h(
      "div",
      { className: `handle is-${end}`, role: "slider", tabIndex: 0, hidden: true },
      h("i"),
    );
    let isHeld = false;
    element.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      element.setPointerCapture(event.pointerId);
      element.focus();
      isHeld = true;
    });
    element.addEventListener("pointermove", (event) => {
      if (isHeld) onDrag(selected, end, secondsAt(event));
    });
    for (const name of ["pointerup", "pointercancel"]) {
      element.addEventListener(name, () => {
        if (isHeld) onDrop(selected);
        isHeld = false;
      });
    }
    element.addEventListener("keydown", (event) => {
      const unit = event.shiftKey ? 1 : step();
      const by = { ArrowLeft: -unit, ArrowDown: -unit, ArrowRight: unit, ArrowUp: unit, PageDown: -1, PageUp: 1 };
      if (!(event.key in by)) return;
      event.preventDefault();
      onDrag(selected, end, selected[end] + by[event.key]);
    });
    for (const name of ["keyup", "blur"]) {
      element.addEventListener(name, () => selected && !isHeld && onDrop(selected));
    }
    field.append(element);
    return element;
  }

  let isScrubbing = false;
  plot.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    plot.setPointerCapture(event.pointerId);
    isScrubbing = true;
    onSeek(secondsAt(event), false);
  });
  plot.addEventListener("pointermove", (event) => isScrubbing && onSeek(secondsAt(event), false));
  plot.addEventListener("pointerup", (event) => {
    if (isScrubbing) onSeek(secondsAt(event), true);
    isScrubbing = false;
  });
  plot.addEventListener("pointercancel", () => (isScrubbing = false));
  head.addEventListener("keydown", (event) => {
    const unit = event.shiftKey ? 10 : 1;
    const to = { ArrowLeft: time - unit, ArrowRight: time + unit, Home: 0, End: duration };
    if (!(event.key in to)) return;
    event.preventDefault();
    onSeek(Math.min(duration, Math.max(0, to[event.key])), false);
  });
  new ResizeObserver(() => duration && drawTicks()).observe(host);

  return {
    setDuration(seconds) {
      if (duration === (seconds ?? 0)) return;
      duration = seconds ?? 0;
      view = { from: 0, to: duration || 1 };
      draw();
    },
    /** The result: `{times_seconds, values, threshold}` or null, and moments with start and end. */
    setResult(similarity, found, picked) {
      [curve, moments, selected] = [similarity, found, picked];
      draw();
    },
    setSelected(moment) {
      selected = moment;
      draw();
    },
    setTime(seconds) {
      time = seconds;
      if (duration) drawHead();
    },
    /** The whole video, or a part of it with a moment in its middle. */
    zoom(moment) {
      if (moment) {
        const margin = Math.max(2, 1.5 * (moment.end - moment.start));
        view = { from: Math.max(0, moment.start - margin), to: Math.min(duration, moment.end + margin) };
      } else {
        view = { from: 0, to: duration || 1 };
      }
      draw();
    },
    draw,
  };
}

/** Points of the part in view; of many, the highest of each group, so that no peak is lost. */
function pointsOf({ times_seconds: times, values }, view, duration) {
  if (!times.length) return [];
  const all = [[0, values[0]], ...times.map((seconds, index) => [seconds, values[index]]), [duration, values.at(-1)]];
  let first = all.findLastIndex(([seconds]) => seconds <= view.from);
  let last = all.findIndex(([seconds]) => seconds >= view.to);
  first = Math.max(0, first);
  last = last < 0 ? all.length - 1 : last;
  const seen = all.slice(first, last + 1);
  const size = Math.ceil(seen.length / MOST_POINTS);
  if (size === 1) return seen;
  const kept = [];
  for (let at = 0; at < seen.length; at += size) {
    kept.push(seen.slice(at, at + size).reduce((best, point) => (point[1] > best[1] ? point : best)));
  }
  return kept;
}

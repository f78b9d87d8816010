/** Small helpers: elements, times as people read them, and what a screen reader is told. */

export const $ = (id) => document.getElementById(id);

/** An element with properties, attributes (those with a hyphen) and listeners (onclick: f). */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** `m:ss.d`, with hours where there are any, as the command line prints it. */
export function formatTime(seconds, decimals = 1) {
  // Rounding comes first, or 59.96 s would show as 0:60.0.
  const scale = 10 ** decimals;
  const ticks = Math.round(seconds * scale);
  const whole = Math.floor(ticks / scale);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  const clock = hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
  return decimals ? `${clock}.${String(ticks % scale).padStart(decimals, "0")}` : clock;
}

export const formatSpan = (start, end) => `${formatTime(start)} – ${formatTime(end)}`;
export const formatPercent = (value) => `${Math.round(value * 100)}%`;

/** "about 2 minutes left", or nothing where nobody knows. */
export function formatLeft(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 1.5) return "almost done";
  if (seconds < 90) return `about ${Math.round(seconds)} s left`;
  return `about ${Math.round(seconds / 60)} min left`;
}

export function formatBytes(bytes) {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  const value = bytes / 1000 ** power;
  return `${value < 10 && power ? value.toFixed(1) : Math.round(value)} ${units[power]}`;
}

export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** Says something to those who do not see the page. */
export function announce(text) {
  $("status").textContent = text;
}

/** Puts the message of an error into its place, with a button that tries again where one helps. */
export function showFault(place, error, again = null) {
  place.replaceChildren(h("p", {}, sentence(error.message)));
  if (again) {
    place.append(
      h("button", { type: "button", onclick: () => (clearFault(place), again()) }, "Try again"),
    );
  }
}

/** Messages of the service begin small; file names keep their letters. */
const sentence = (text) => (/^[a-z]+([ ,:;]|$)/.test(text) ? text[0].toUpperCase() + text.slice(1) : text);

/** `folder/film.mp4` as what people look for, and where it is. */
export function nameParts(path) {
  const cut = path.lastIndexOf("/");
  return [path.slice(cut + 1), cut < 0 ? "" : path.slice(0, cut)];
}

/** An error that says which file it is about. */
export const about = (name, error) =>
  error.message.includes(name) ? error : new Error(`${name}: ${error.message}`);

export const clearFault = (place) => place.replaceChildren();

/** Draws a job: its bar, what it does, and the time left. */
export function showJob(job, { bar, text, left }) {
  const { progress, position, status } = job;
  if (status === "queued") {
    bar.removeAttribute("value");
    text.textContent = position ? `Waiting, ${plural(position, "search", "searches")} before this one` : "Waiting";
    if (left) left.textContent = "";
    return;
  }
  if (progress && progress.fraction > 0) bar.value = progress.fraction;
  else bar.removeAttribute("value");
  const share = progress && progress.fraction > 0 ? `${formatPercent(progress.fraction)}` : "";
  text.textContent = [sentence(progress?.message || "Working"), share].filter(Boolean).join(", ");
  const time = formatLeft(progress?.seconds_left);
  if (left) left.textContent = time;
  else if (time) text.textContent += `, ${time}`;
}

/** Runs a function when nothing has called for it for a while. */
export function later(milliseconds, run) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...values), milliseconds);
  };
}

/** Lets the browser save what is at an address. */
export function save(url, name) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

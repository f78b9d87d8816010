/** A dialog that walks through the allowed folders and the library. */

import { $, clearFault, formatBytes, formatTime, h, showFault } from "./dom.js";
import { call, frameUrl } from "./api.js";

const PAGE = 200;

/**
 * @param places  {folders: [name], hasLibrary}
 * @param kind    "video", "image", or "folder", which is chosen by standing in it
 * @returns       a promise of {source, name} or {folder, path}, or of null
 */
export function choose({ title, kind, places }) {
  const dialog = $("chooser");
  const listeners = new AbortController();
  const listen = (element, name, run) => element.addEventListener(name, run, { signal: listeners.signal });
  let chosen = null;
  let here = null;
  let asked = 0;
  const take = (value) => {
    chosen = value;
    dialog.close();
  };

  const choices = places.folders.map((folder) => ({ name: folder, open: () => openFolder(folder, "") }));
  if (kind === "video" && places.hasLibrary) choices.push({ name: "Library", open: openLibrary });
  $("chooser-title").textContent = title;
  $("chooser-this").hidden = kind !== "folder";
  $("chooser-places").hidden = choices.length < 2;
  const tabs = choices.map((choice) =>
    h("button", { type: "button", className: "toggle", onclick: () => go(choice) }, choice.name),
  );
  $("chooser-places").replaceChildren(...tabs);

  function go(choice) {
    tabs.forEach((tab, index) => tab.setAttribute("aria-pressed", String(choices[index] === choice)));
    choice.open();
  }

  async function load(path) {
    const turn = (asked += 1);
    clearFault($("chooser-error"));
    $("chooser-list").setAttribute("aria-busy", "true");
    try {
      const answer = await call("GET", path);
      return turn === asked ? answer : null;
    } catch (error) {
      if (turn === asked) {
        $("chooser-list").replaceChildren();
        showFault($("chooser-error"), error);
      }
      return null;
    } finally {
      if (turn === asked) $("chooser-list").removeAttribute("aria-busy");
    }
  }

  async function openFolder(folder, path) {
    const answer = await load(`/files?${new URLSearchParams({ folder, path })}`);
    if (!answer) return;
    here = { folder, path };
    showPath(folder, path);
    const shown = answer.entries.filter((entry) => entry.kind === "folder" || entry.kind === kind);
    const rows = shown.map((entry) => {
      const below = path ? `${path}/${entry.name}` : entry.name;
      return entry.kind === "folder"
        ? row({ name: entry.name, note: "Folder", onclick: () => openFolder(folder, below) })
        : row({
            name: entry.name,
            note: entry.size_bytes === null ? "" : formatBytes(entry.size_bytes),
            image: kind === "image" ? frameUrl(entry.source, 0, 96) : null,
            onclick: () => take({ source: entry.source, name: entry.name }),
          });
    });
    const nothing = { video: "No videos here.", image: "No pictures here.", folder: "No folders below this one." };
    fill(rows, nothing[kind]);
  }

  async function openLibrary() {
    const answer = await load(`/library/videos?offset=0&limit=${PAGE}`);
    if (!answer) return;
    showPath("Library", "");
    const rows = answer.videos.map(({ source, name, duration_seconds: seconds }) =>
      row({ name, note: formatTime(seconds, 0), onclick: () => take({ source, name }) }),
    );
    fill(rows, "The library is empty.");
    if (answer.total > PAGE) {
      const text = `The first ${PAGE} of ${answer.total}; the Library view has all, with a filter.`;
      $("chooser-list").append(h("li", { className: "faint" }, text));
    }
  }

  function fill(rows, nothing) {
    $("chooser-list").replaceChildren(...(rows.length ? rows : [h("li", { className: "faint" }, nothing)]));
    (rows[0]?.querySelector("button") ?? $("chooser-close")).focus();
  }

  function row({ name, note, image = null, onclick }) {
    const picture = image && h("img", { src: image, alt: "", loading: "lazy", width: 48, height: 36 });
    return h(
      "li",
      {},
      h("button", { type: "button", className: "entry", onclick }, picture, h("span", { className: "name" }, name), h("span", { className: "faint" }, note)),
    );
  }

  function showPath(folder, path) {
    const parts = path ? path.split("/") : [];
    const crumbs = [folder, ...parts].map((name, index) => {
      const isHere = index === parts.length;
      return isHere
        ? h("span", { "aria-current": "location" }, name)
        : h("button", { type: "button", className: "link", onclick: () => openFolder(folder, parts.slice(0, index).join("/")) }, name);
    });
    $("chooser-path").replaceChildren(...crumbs);
  }

  listen($("chooser-close"), "click", () => dialog.close());
  listen($("chooser-this"), "click", () => here && take(here));
  $("chooser-list").replaceChildren();
  dialog.showModal();
  go(choices[0]);
  return new Promise((resolve) => {
    listen(dialog, "close", () => {
      listeners.abort();
      resolve(chosen);
    });
  });
}

/** The pictures that are asked with: like these, and not like those. */

import { $, about, announce, clearFault, formatTime, h, showFault } from "./dom.js";
import { frameUrl, infoPath, insist, upload } from "./api.js";
import { drawBox } from "./boxes.js";
import { nameOf } from "./player.js";

const THUMB_PIXELS = 320;
const DRAW_PIXELS = 1280;

/** @param onChange  called when there are others, or one is ready, changed or gone */
export function createPictures({ onChange }) {
  const list = $("pictures");
  let pictures = [];
  let most = Infinity;

  function addFile(file) {
    const picture = begin({ name: file.name === "image.png" ? "Pasted picture" : file.name });
    if (!picture) return;
    picture.thumb.src = picture.local = URL.createObjectURL(file);
    const sending = upload(file, file.name, (share) => (picture.bar.value = share));
    picture.abort = sending.abort;
    picture.ready = sending.done.then((sent) => {
      if (sent.kind !== "image") throw new Error(`${file.name} is a video. Load it as the video, pause it, and ask with a frame.`);
      return settle(picture, { source: sent.source, size: [sent.width, sent.height] });
    });
    follow(picture);
  }

  /** A picture of a folder, or a paused frame of a video. */
  function addSource(source, { name = nameOf(source), seconds = null, box = null, isUnlike = false } = {}) {
    const named = (text) => (seconds === null ? text : `${text} at ${formatTime(seconds)}`);
    const picture = begin({ name: named(name), seconds, box, isUnlike });
    if (!picture) return;
    picture.ready = insist(infoPath(source)).then((info) =>
      settle(picture, { source, name: named(info.name), size: [info.width, info.height] }),
    );
    follow(picture);
  }

  function begin({ name, seconds = null, box = null, isUnlike = false }) {
    if (pictures.length >= most) {
      showFault($("ask-error"), new Error(`No more than ${most} pictures can be asked with at once.`));
      return null;
    }
    clearFault($("ask-error"));
    const picture = { name, seconds, box, isUnlike, source: null, size: null };
    pictures.push(picture);
    list.append(cardOf(picture));
    onChange();
    return picture;
  }

  function settle(picture, known) {
    Object.assign(picture, known);
    // Of the service, as it knows more formats than browsers, and shows what the search sees.
    picture.thumb.src = frameUrl(picture.source, picture.seconds, THUMB_PIXELS);
    picture.update();
    onChange();
    return picture;
  }

  function follow(picture) {
    picture.ready.catch((error) => {
      if (!pictures.includes(picture)) return;
      remove(picture);
      showFault($("ask-error"), about(picture.name, error));
    });
  }

  function remove(picture) {
    const at = pictures.indexOf(picture);
    const hadFocus = picture.card.contains(document.activeElement);
    picture.abort?.();
    if (picture.local) URL.revokeObjectURL(picture.local);
    pictures = pictures.filter((other) => other !== picture);
    picture.card.remove();
    if (hadFocus) (pictures[at] ?? pictures.at(-1))?.card.querySelector("button").focus();
    if (hadFocus && !pictures.length) $("choose-picture").focus();
    onChange();
  }

  function cardOf(picture) {
    picture.thumb = h("img", { alt: "", onerror: () => (picture.thumb.hidden = true), onload: () => (picture.thumb.hidden = false) });
    picture.bar = h("progress", { max: 1, "aria-label": `Upload of ${picture.name}` });
    const name = h("p", { className: "name" });
    const remover = h("button", { type: "button", className: "quiet square", title: "Remove", onclick: () => remove(picture) }, "×");
    const mark = h("span", { className: "mark", hidden: true });
    const draw = h("button", { type: "button", onclick: () => edit(picture) });
    const unlike = h("button", {
      type: "button",
      className: "toggle",
      onclick: () => {
        picture.isUnlike = !picture.isUnlike;
        picture.update();
        onChange();
      },
    }, "Not like this");
    picture.card = h(
      "li",
      { className: "picture" },
      h("div", { className: "thumb" }, h("span", { className: "thumb-in" }, picture.thumb, mark)),
      h(
        "div",
        { className: "picture-text" },
        h(
          "div",
          { className: "picture-name" },
          name,
          remover,
        ),
        picture.bar,
        h(
          "div",
          { className: "row tight" },
          draw,
          unlike,
        ),
      ),
    );
    picture.update = () => {
      name.textContent = name.title = picture.name;
      remover.setAttribute("aria-label", `Remove ${picture.name}`);
      picture.card.classList.toggle("is-unlike", picture.isUnlike);
      unlike.setAttribute("aria-pressed", String(picture.isUnlike));
      unlike.setAttribute("aria-label", `Not like ${picture.name}`);
      picture.bar.hidden = picture.source !== null;
      draw.textContent = picture.box ? "Change box" : "Draw a box";
      draw.setAttribute("aria-label", `${draw.textContent} on ${picture.name}`);
      draw.disabled = !picture.size;
      // What it is not like is taken whole.
      draw.hidden = picture.isUnlike;
      mark.hidden = !picture.box || !picture.size || picture.isUnlike;
      if (!mark.hidden) {
        const [width, height] = picture.size;
        const [x, y, w, h_] = picture.box;
        Object.assign(mark.style, {
          left: `${(100 * x) / width}%`,
          top: `${(100 * y) / height}%`,
          width: `${(100 * w) / width}%`,
          height: `${(100 * h_) / height}%`,
        });
      }
    };
    picture.update();
    return picture.card;
  }

  async function edit(picture) {
    picture.box = await drawBox({
      url: frameUrl(picture.source, picture.seconds, DRAW_PIXELS),
      name: picture.name,
      size: picture.size,
      box: picture.box,
    });
    picture.update();
    announce(picture.box ? "Only the box counts." : "The whole picture counts.");
    onChange();
  }

  return {
    addFile,
    addSource,
    limit: (count) => (most = count),
    get all() {
      return pictures;
    },
    get hasWanted() {
      return pictures.some((picture) => !picture.isUnlike);
    },
    /** Waits for uploads; the pictures as a job asks for them. */
    async queries() {
      await Promise.all(pictures.map((picture) => picture.ready));
      return pictures.map(({ source, seconds, box, isUnlike }) => ({
        source,
        seconds,
        box: isUnlike ? null : box,
        is_unlike: isUnlike,
      }));
    },
    /** Shows the pictures of a job again. */
    restore(queries) {
      for (const picture of [...pictures]) remove(picture);
      for (const { source, seconds, box, is_unlike: isUnlike } of queries) {
        addSource(source, { seconds: seconds ?? null, box: box ?? null, isUnlike: Boolean(isUnlike) });
      }
    },
  };
}

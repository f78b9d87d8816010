/** A dialog in which a box is drawn on a picture, with the pointer or the keyboard. */

import { $ } from "./dom.js";

const SMALLEST = 0.02;

/**
 * Lets people draw on a picture.
 *
 * @param url   what to show
 * @param size  [width, height] of the picture in its own pixels
 * @param box   [x, y, width, height] in those pixels, or null
 * @returns     a promise of the new box, or null for the whole picture
 */
export function drawBox({ url, name, size, box }) {
  const [dialog, canvas, image, frame] = [$("box-dialog"), $("canvas"), $("box-image"), $("box")];
  const [width, height] = size;
  // Shares of the picture: what is on the screen may be smaller than the picture.
  let shares = box && [box[0] / width, box[1] / height, box[2] / width, box[3] / height];
  image.src = url;
  image.alt = name;
  const inPixels = () => {
    if (!shares) return null;
    const [x, y] = [Math.round(shares[0] * width), Math.round(shares[1] * height)];
    const right = Math.min(width, Math.round((shares[0] + shares[2]) * width));
    const bottom = Math.min(height, Math.round((shares[1] + shares[3]) * height));
    return [x, y, Math.max(1, right - x), Math.max(1, bottom - y)];
  };

  function show() {
    frame.classList.toggle("is-empty", !shares);
    const [x, y, w, h] = shares ?? [0, 0, 1, 1];
    Object.assign(frame.style, { left: `${100 * x}%`, top: `${100 * y}%`, width: `${100 * w}%`, height: `${100 * h}%` });
    const pixels = inPixels();
    const text = pixels
      ? `${pixels[2]} × ${pixels[3]} pixels, ${pixels[0]} from the left, ${pixels[1]} from the top`
      : "No box: the whole picture counts";
    $("box-text").textContent = text;
    frame.setAttribute("aria-label", pixels ? `Box: ${text}` : "Box: none yet. Press an arrow key to make one.");
    $("box-clear").disabled = !pixels;
  }

  const pointAt = (event) => {
    const area = canvas.getBoundingClientRect();
    const share = (value, start, length) => Math.min(1, Math.max(0, (value - start) / length));
    return [share(event.clientX, area.left, area.width), share(event.clientY, area.top, area.height)];
  };
  const between = ([x1, y1], [x2, y2]) => [Math.min(x1, x2), Math.min(y1, y2), Math.abs(x2 - x1), Math.abs(y2 - y1)];

  let gesture = null;
  function onDown(event) {
    if (event.button) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    const at = pointAt(event);
    if (shares && event.target.classList.contains("corner")) {
      gesture = { kind: "draw", from: [shares[0], shares[1]] };
    } else if (shares && event.target === frame) {
      gesture = { kind: "move", from: at, start: shares };
    } else {
      gesture = { kind: "draw", from: at, before: shares };
    }
    frame.focus();
  }
  function onMove(event) {
    if (!gesture) return;
    const at = pointAt(event);
    if (gesture.kind === "draw") shares = between(gesture.from, at);
    else shares = moved(gesture.start, at[0] - gesture.from[0], at[1] - gesture.from[1]);
    show();
  }
  function onUp() {
    // A click without a drag draws nothing.
    if (gesture?.kind === "draw" && shares && (shares[2] < SMALLEST || shares[3] < SMALLEST)) {
      shares = gesture.before ?? null;
    }
    gesture = null;
    show();
  }
  const moved = ([x, y, w, h], dx, dy) => [
    Math.min(1 - w, Math.max(0, x + dx)),
    Math.min(1 - h, Math.max(0, y + dy)),
    w,
    h,
  ];
  function onKey(event) {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!by) {
      if (event.key === "Delete" || event.key === "Backspace") clear();
      return;
    }
    event.preventDefault();
    const [dx, dy] = by.map((sign) => sign * 0.02);
    if (!shares) shares = [0.25, 0.25, 0.5, 0.5];
    else if (event.shiftKey) {
      const [x, y, w, h] = shares;
      shares = [x, y, Math.min(1 - x, Math.max(SMALLEST, w + dx)), Math.min(1 - y, Math.max(SMALLEST, h + dy))];
    } else shares = moved(shares, dx, dy);
    show();
  }
  function clear() {
    shares = null;
    show();
    frame.focus();
  }

  const listeners = new AbortController();
  const listen = (element, name, run) => element.addEventListener(name, run, { signal: listeners.signal });
  listen(canvas, "pointerdown", onDown);
  listen(canvas, "pointermove", onMove);
  listen(canvas, "pointerup", onUp);
  listen(canvas, "pointercancel", onUp);
  listen(frame, "keydown", onKey);
  listen($("box-clear"), "click", clear);
  listen($("box-done"), "click", () => dialog.close("done"));
  show();
  dialog.returnValue = "";
  dialog.showModal();
  frame.focus();
  return new Promise((resolve) => {
    listen(dialog, "close", () => {
      listeners.abort();
      image.removeAttribute("src");
      resolve(dialog.returnValue === "done" ? inPixels() : box);
    });
  });
}

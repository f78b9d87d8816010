/** The service: requests, uploads, and jobs that are followed over restarts of the server. */

import { save } from "./dom.js";

const API = "/api/v1";

/** What the service refused, in words for people. */
export class ApiError extends Error {
  constructor(type, message, status = 0) {
    super(message);
    this.type = type;
    this.status = status;
  }

  /** Whether the same request may succeed once the server is back. */
  get isPassing() {
    return this.type === "offline" || this.status >= 502;
  }
}

const offline = () =>
  new ApiError("offline", "The service does not answer. It may be restarting: try again in a moment.");

function errorOf(status, text) {
  try {
    const { type, message } = JSON.parse(text).error;
    return new ApiError(type, message, status);
  } catch {
    return new ApiError("failed", `The service answered ${status} and nothing that can be read.`, status);
  }
}

let tellOffline = () => {};
/** Whom to tell when the server is gone (true) and when it is back (false). */
export const onOffline = (tell) => (tellOffline = tell);

async function request(method, path, body) {
  let response;
  try {
    response = await fetch(API + path, {
      method,
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body ? JSON.stringify(body) : undefined,
    });
  } catch {
    throw offline();
  }
  if (!response.ok) throw errorOf(response.status, await response.text());
  return response;
}

export async function call(method, path, body) {
  const response = await request(method, path, body);
  return response.status === 204 ? null : response.json();
}

/** A GET that waits for a server that is starting again. */
export async function insist(path) {
  for (;;) {
    try {
      const answer = await call("GET", path);
      tellOffline(false);
      return answer;
    } catch (error) {
      if (!error.isPassing) throw error;
      tellOffline(true);
      await new Promise((resolve) => setTimeout(resolve, 1500));
    }
  }
}

/** Posts and saves the answer as a file under the name that the service gives it. */
export async function download(path, body, fallbackName) {
  const response = await request("POST", path, body);
  const header = response.headers.get("Content-Disposition") ?? "";
  const encoded = /filename\*=UTF-8''([^;]+)/i.exec(header);
  const plain = /filename="?([^";]+)"?/i.exec(header);
  const name = encoded ? decodeURIComponent(encoded[1]) : (plain?.[1] ?? fallbackName);
  const url = URL.createObjectURL(await response.blob());
  save(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  return name;
}

/** Sends a file; `abort` of the returned object stops it, `done` is what the service says of it. */
export function upload(file, name, onProgress) {
  const sent = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    sent.open("POST", `${API}/uploads?name=${encodeURIComponent(name)}`);
    sent.setRequestHeader("Content-Type", "application/octet-stream");
    sent.upload.onprogress = (event) => onProgress(event.loaded / Math.max(event.total, 1));
    sent.onload = () =>
      sent.status < 300 ? resolve(JSON.parse(sent.responseText)) : reject(errorOf(sent.status, sent.responseText));
    sent.onerror = () => reject(offline());
    sent.onabort = () => reject(new ApiError("aborted", "The upload was cancelled."));
    sent.send(file);
  });
  return { done, abort: () => sent.abort() };
}

const isEnded = (job) => ["done", "failed", "cancelled"].includes(job.status);

/** Follows a job until it ends; a server that restarts is waited for. Returns what stops it. */
export function watchJob(id, onJob) {
  let events, timer;
  let isOver = false;
  const stop = () => {
    isOver = true;
    events?.close();
    clearTimeout(timer);
  };
  const tell = (job) => {
    if (isOver) return;
    tellOffline(false);
    if (isEnded(job)) stop();
    onJob(job);
  };
  const open = () => {
    events = new EventSource(`${API}/jobs/${id}/events`);
    events.addEventListener("job", (event) => tell(JSON.parse(event.data)));
    events.onerror = () => {
      events.close();
      timer = setTimeout(poll, 700);
    };
  };
  // The browser would reconnect by itself, but gives up for good at the first 502 of a proxy.
  const poll = async () => {
    try {
      tell(await call("GET", `/jobs/${id}`));
      if (!isOver) open();
    } catch (error) {
      if (isOver) return;
      if (error.isPassing) {
        tellOffline(true);
        timer = setTimeout(poll, 1500);
      } else {
        tell({ id, status: "failed", error });
      }
    }
  };
  open();
  return stop;
}

const asked = (path, values) => `${API}/media${path}?${new URLSearchParams(values)}`;
export const mediaUrl = (source) => asked("", { source });
export const previewUrl = (source) => asked("/preview", { source });
export const infoPath = (source) => `/media/info?${new URLSearchParams({ source })}`;
export const frameUrl = (source, seconds, width) =>
  asked("/frame", { source, seconds: (seconds ?? 0).toFixed(3), width });
export const stripUrl = (source, start, end, count = 5) =>
  asked("/strip", {
    source,
    start_seconds: start.toFixed(3),
    end_seconds: end.toFixed(3),
    count,
    height: 90,
  });

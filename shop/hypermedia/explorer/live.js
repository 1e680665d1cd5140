/** Streams of events (text/event-stream): a connection that is opened again when it ends, and closed while the page is hidden. */

import { signed } from "./http.js";
import { get } from "./request.js";

export const EVENTS = "text/event-stream";
const LONGEST_PAUSE = 60_000;
const STEADY = 10_000; // a connection that held so long says nothing against the next one
const TEMPORARY = [408, 425, 429];

/** Do something after a delay, and at most once in an interval: wishes that come meanwhile are one.
 * @param {() => Promise<unknown> | void} action @param {number} interval @param {() => number} delay milliseconds */
export function pace(action, interval, delay) {
  let timer = 0;
  let last = -Infinity;
  let isRunning = false;
  let isWanted = false;

  async function run() {
    [timer, last, isRunning, isWanted] = [0, performance.now(), true, false];
    try {
      await action();
    } finally {
      isRunning = false;
      if (isWanted) want();
    }
  }

  function want() {
    if (isRunning) isWanted = true;
    else timer ||= setTimeout(run, Math.max(delay(), last + interval - performance.now()));
  }

  return want;
}

/** Listen to a stream until the returned function is called.
 * @param {string} href
 * @param {() => void} notice called where something has changed, or may have while nobody listened
 * @param {(isOpen: boolean) => void} report */
export function listen(href, notice, report) {
  const ending = new AbortController();
  let closing = new AbortController();
  let timer = setTimeout(open, 300 + Math.random() * 300); // a reader who goes on at once costs no connection
  let lastId = "";
  let pause = 3000;
  let failures = 0;

  async function open() {
    if (document.hidden || ending.signal.aborted) return;
    const { signal } = (closing = new AbortController());
    const beginning = performance.now();
    let wait = 0;
    try {
      const answer = await connect(signal);
      if (answer.ok && answer.body && answer.headers.get("Content-Type")?.startsWith(EVENTS)) await read(answer.body);
      else if (answer.status < 500 && !TEMPORARY.includes(answer.status) && !lastId) return; // there is no such stream
      else [lastId, wait] = ["", Number(answer.headers.get("Retry-After")) || 0];
    } catch {
      // the connection was lost, or closed
    }
    if (signal.aborted) return;
    report(false);
    if (performance.now() - beginning > STEADY) failures = 0;
    timer = setTimeout(open, Math.max(wait * 1000, Math.min(LONGEST_PAUSE, pause * 2 ** failures++)) * (1 + Math.random() / 4));
  }

  /** @param {AbortSignal} signal */
  async function connect(signal) {
    const { url, headers } = await signed({ ...get(href), headers: { Accept: EVENTS, ...(lastId && { "Last-Event-ID": lastId }) } });
    return fetch(url, { headers, signal, cache: "no-store" });
  }

  /** @param {ReadableStream<Uint8Array>} body */
  async function read(body) {
    const reader = body.pipeThrough(/** @type {any} */ (new TextDecoderStream())).getReader();
    report(true);
    if (!lastId) notice();
    for (let text = ""; ;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (text + value).split(/\r\n\r\n|\n\n|\r\r/);
      text = blocks.pop() ?? "";
      blocks.forEach(readBlock);
    }
  }

  /** @param {string} block */
  function readBlock(block) {
    const fields = new Map(block.split(/\r\n|\n|\r/).map((line) => /** @type {[string, string]} */ (line.split(/: ?(.*)/))));
    lastId = fields.get("id") ?? lastId;
    if (/^\d+$/.test(fields.get("retry") ?? "")) pause = Number(fields.get("retry"));
    if (!fields.has("data")) return;
    failures = 0;
    notice();
  }

  function close() {
    clearTimeout(timer);
    closing.abort();
    report(false);
  }

  function followVisibility() {
    close();
    if (document.hidden) return;
    notice();
    open();
  }

  document.addEventListener("visibilitychange", followVisibility, { signal: ending.signal });
  ending.signal.addEventListener("abort", close);
  return () => ending.abort();
}

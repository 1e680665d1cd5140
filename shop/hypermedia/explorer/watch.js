/** The page that is shown follows what changes elsewhere: while it is seen, and its reader wants that. */

import { compare, summarize } from "./differences.js";
import { at } from "./dom.js";
import { links } from "./hal.js";
import { EVENTS, listen, pace } from "./live.js";

/** @typedef {import("./hal.js").Resource} Resource */

const SETTING = "live";
const REFRESH_INTERVAL = 1000;
const REFRESH_JITTER = 250; // so that not all pages ask at once
const SPEECH_INTERVAL = 5000;
const SPEECH_DELAY = 2000; // to gather what changes together
const SHOWN_FOR = 4000;

const button = at("live");
const speech = at("spoken");
let offered = "";
let watched = "";
let stop = () => {};
/** @type {import("./differences.js").Sentences} */
const unsaid = new Map();
let refresh = async () => {};

const wantRefresh = pace(() => refresh(), REFRESH_INTERVAL, () => Math.random() * REFRESH_JITTER);
const wantSpeech = pace(speak, SPEECH_INTERVAL, () => SPEECH_DELAY);

/** Watch a resource, if it links to a stream of its changes.
 * @param {Resource} resource @param {() => Promise<void>} renew shows its state of now */
export function watch(resource, renew) {
  offered = streamOf(resource);
  refresh = renew;
  unsaid.clear();
  button.hidden = !offered;
  update();
}

/** The URL of the stream that a resource links to, at this origin, or nothing. @param {Resource} resource */
function streamOf(resource) {
  const found = links(resource).find(([, { type, templated }]) => type === EVENTS && !templated);
  const url = found && new URL(found[1].href, location.href);
  return url?.origin === location.origin ? url.href : "";
}

function update() {
  const isWanted = localStorage.getItem(SETTING) !== "off";
  button.setAttribute("aria-pressed", String(isWanted));
  const next = isWanted ? offered : "";
  if (next && next === watched) return wantRefresh(); // it may have changed between its answer and now
  stop();
  watched = next;
  stop = next ? listen(next, wantRefresh, (isOpen) => button.toggleAttribute("data-open", isOpen)) : () => {};
}

/** Say soon what has changed, without many words. @param {Resource} before @param {Resource} after */
export function tell(before, after) {
  compare(before, after).forEach((sentence, key) => unsaid.set(key, sentence));
  if (unsaid.size) wantSpeech();
}

/** Ask for another look at the page. */
export const lookAgain = wantRefresh;

function speak() {
  speech.textContent = summarize(unsaid);
  unsaid.clear();
  setTimeout(() => speech.replaceChildren(), SHOWN_FOR); // so that the same words can be said again
}

/** Show for a moment where something has changed. @param {Element[]} places */
export function point(places) {
  for (const place of places) {
    place.removeAttribute("data-changed");
    requestAnimationFrame(() => place.setAttribute("data-changed", ""));
    setTimeout(() => place.removeAttribute("data-changed"), SHOWN_FOR);
  }
}

button.addEventListener("click", () => {
  localStorage.setItem(SETTING, button.getAttribute("aria-pressed") === "true" ? "off" : "on");
  update();
});

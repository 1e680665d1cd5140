/** Who is logged in here: tokens of this tab, renewed before they end, and lent to tabs that are opened from it. */

import { filled } from "./request.js";

/** @typedef {import("./hal.js").Resource} Resource the answer that held the tokens, with `until` added */

const KEY = "session";
const tabs = new BroadcastChannel("explorer");

/** @returns {Resource | null} */
export const current = () => JSON.parse(sessionStorage.getItem(KEY) ?? "null");

/** Keep the tokens of an answer (RFC 6749, 5.1); say whether it had any.
 * @param {Resource | undefined} document */
export function keep(document) {
  if (typeof document?.access_token !== "string") return false;
  save({ ...document, until: Date.now() + (document.expires_in ?? 3600) * 1000 });
  return true;
}

/** @param {Resource} session */
function save(session, spent = current()?.refresh_token) {
  sessionStorage.setItem(KEY, JSON.stringify(session));
  localStorage.setItem(KEY, "open"); // a tab that is opened later then asks this one
  tabs.postMessage({ session, spent });
}

export function forget() {
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
}

/** The header that says who asks, with a token that is still good for a while.
 * @returns {Promise<Record<string, string>>} */
export async function authorization() {
  if (current() && current()?.until < Date.now() + 20_000) await navigator.locks.request(KEY, renew);
  const session = current();
  return session ? { Authorization: `${session.token_type ?? "Bearer"} ${session.access_token}` } : {};
}

async function renew() {
  const session = current();
  const template = session?._templates?.refresh;
  if (!session || session.until > Date.now() + 20_000 || !template) return; // another tab was first
  const entries = (template.properties ?? []).map((/** @type {any} */ { name, value }) => [name, value]);
  const { method, url, headers, body } = filled(template, entries);
  const answer = await fetch(url, { method, headers, body });
  if (answer.ok) keep(await answer.json());
  else if (answer.status < 500 && answer.status !== 429) forget();
}

tabs.onmessage = ({ data }) => {
  const mine = current();
  if (data === "who?" && mine) tabs.postMessage({ session: mine, spent: null });
  const meant = mine ? data.spent === mine.refresh_token : localStorage.getItem(KEY);
  if (data.session && meant) sessionStorage.setItem(KEY, JSON.stringify(data.session));
};

/** A new tab asks the others who they are, and waits a moment for the answer; where nobody is logged in it does not. */
export async function borrow() {
  if (current() || !localStorage.getItem(KEY)) return;
  tabs.postMessage("who?");
  for (let tries = 0; tries < 10 && !current(); tries++) await new Promise((go) => setTimeout(go, 10));
}

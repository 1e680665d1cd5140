/** One exchange with the server, kept whole so that it can be shown. */

import { get } from "./request.js";
import { authorization, current, forget } from "./session.js";

/** @typedef {import("./request.js").Request} Request */
/**
 * @typedef {object} Exchange
 * @property {Request} request
 * @property {number} status
 * @property {string} reason
 * @property {[string, string][]} headers
 * @property {string} text
 * @property {import("./hal.js").Resource | undefined} document where the answer is JSON, what it says
 * @property {number} wait how many seconds the server asks to be left alone
 */

export class Unreachable extends Error {}

/** @param {Request} asked @returns {Promise<Exchange>} */
export async function send(asked) {
  const request = await signed(asked);
  const response = await reach(request);
  const text = await response.text().catch(lost);
  const json = /[/+]json\b/.test(response.headers.get("Content-Type") ?? "");
  return {
    request,
    status: response.status,
    reason: response.statusText,
    headers: [...response.headers],
    text,
    document: json && text ? JSON.parse(text) : undefined,
    wait: Number(response.headers.get("Retry-After")) || 0,
  };
}

/** Look at a place; with a login that has ended, as nobody.
 * @param {string} url @returns {Promise<Exchange>} */
export async function look(url) {
  const exchange = await send(get(url));
  if (exchange.status !== 401 || !current()) return exchange;
  forget();
  return send(get(url));
}

/** @param {Request} asked @returns {Promise<Request>} */
export async function signed(asked) {
  const ours = new URL(asked.url).origin === location.origin; // a token is for nobody else
  return ours ? { ...asked, headers: { ...asked.headers, ...(await authorization().catch(lost)) } } : asked;
}

/** @param {Request} request */
const reach = ({ method, url, headers, body }) => fetch(url, { method, headers, body }).catch(lost);

/** @returns {never} */
function lost() {
  throw new Unreachable();
}

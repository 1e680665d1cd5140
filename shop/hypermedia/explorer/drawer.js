/** The exchange behind a page: what was asked, what was answered, why each header is there, and the same by curl. */

import { CLAUSES } from "./clauses.js";
import { copier, h, link } from "./dom.js";
import { curl } from "./request.js";

/** @typedef {import("./http.js").Exchange} Exchange */

/** @param {Exchange} exchange */
export const drawer = ({ request, status, reason, headers, text, document }) => [
  h("h2", {}, "The exchange"),
  command("The same by curl", async () => curl(request)).details,
  h("h3", {}, "Request"),
  h("pre", { tabindex: 0 }, written(request)),
  h("h3", {}, `Answer: ${status} ${reason}`.trim()),
  h("dl", { class: "headers" }, headers.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, h("code", {}, value), explained(name))])),
  h("h3", {}, "Body"),
  h("pre", { tabindex: 0, class: "body" }, document ? pretty(document) : text || "(none)"),
];

/** @param {import("./request.js").Request} request */
function written({ method, url, headers, body }) {
  const { pathname, search } = new URL(url);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`${method} ${pathname}${search}`, ...lines, ...(body === undefined ? [] : ["", body])].join("\n");
}

/** @param {string} name */
function explained(name) {
  const [sentence, clause] = CLAUSES[name] ?? [];
  return sentence && clause ? h("small", {}, sentence, " ", link(clause, { "aria-label": `The clause about ${name}` }, "Clause")) : null;
}

/** A command that can be looked at and copied, as it is at that moment.
 * @param {string} title @param {() => Promise<string>} text */
export function command(title, text) {
  const shown = h("pre", { tabindex: 0 });
  const renew = async () => {
    if (details.open) shown.textContent = await text();
  };
  const details = h("details", { class: "curl", ontoggle: renew }, h("summary", {}, title), shown, copier(text));
  return { details, renew };
}

/** JSON, in which every href can be followed.
 * @param {any} value @returns {(Node | string)[]} */
const pretty = (value) =>
  JSON.stringify(value, null, 2).split(/("href": "(?:[^"\\]|\\.)*")/).flatMap((piece) => {
    if (!piece.startsWith('"href": "')) return piece;
    const href = JSON.parse(piece.slice(8));
    return ['"href": ', href.includes("{") ? JSON.stringify(href) : link(href, {}, JSON.stringify(href))];
  });

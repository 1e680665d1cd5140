/** What is asked of the server: a form as it is filled in, and the same in curl's words. */

import { expand } from "./hal.js";

/** @typedef {import("./hal.js").Template} Template */
/** @typedef {import("./hal.js").Property} Property */
/** @typedef {{method: string, url: string, headers: Record<string, string>, body?: string}} Request */
/** @typedef {[string, string][]} Entries names and what was typed, in order; a name may come twice */

export const ACCEPT = "application/prs.hal-forms+json, application/hal+json;q=0.9, application/json;q=0.8";
const ENCODED = "application/x-www-form-urlencoded";

/** @param {string} url @returns {Request} */
export const get = (url) => ({ method: "GET", url, headers: { Accept: ACCEPT } });

/** @param {Template} template @param {Entries} entries @returns {Request} */
export function filled(template, entries) {
  const method = (template.method ?? "GET").toUpperCase();
  const url = new URL(expand(template.target, Object.fromEntries(entries)), location.href);
  if (["GET", "HEAD", "DELETE"].includes(method)) {
    if (entries.length && !template.target.includes("{")) url.search = new URLSearchParams(entries).toString();
    return { ...get(url.href), method };
  }
  const type = template.contentType ?? "application/json";
  const body = type === ENCODED ? new URLSearchParams(entries).toString() : JSON.stringify(typed(template.properties ?? [], entries));
  return { method, url: url.href, headers: { Accept: ACCEPT, "Content-Type": type }, body };
}

/** Numbers as numbers, and what may be chosen more than once as a list.
 * @param {Property[]} properties @param {Entries} entries */
function typed(properties, entries) {
  /** @type {Record<string, any>} */
  const members = {};
  for (const [name, text] of entries) {
    const property = properties.find((each) => each.name === name);
    const value = ["number", "range"].includes(property?.type ?? "") && text !== "" ? Number(text) : text;
    members[name] = property?.options && many(property) ? [...(members[name] ?? []), value] : value;
  }
  return members;
}

/** @param {Property} property */
export const many = ({ options }) => options !== undefined && options.maxItems !== 1;

/** What was typed, and what the form holds unseen. A field left empty says nothing, unless something stood there.
 * @param {Template} template @param {FormData} data @returns {Entries} */
export const gathered = (template, data) =>
  (template.properties ?? []).flatMap(({ name, type, value }) => {
    if (type === "hidden") return value === undefined ? [] : [/** @type {[string, string]} */ ([name, value])];
    const cleared = value && !["number", "range"].includes(type ?? "");
    return data.getAll(name).map(String).filter((text) => text !== "" || cleared).map((text) => /** @type {[string, string]} */ ([name, text]));
  });

/** @param {Request} request */
export const curl = ({ method, url, headers, body }) =>
  [
    `curl ${/[[\]{}]/.test(url) ? "-g " : ""}${method === "GET" ? "" : `-X ${method} `}${quoted(url)}`,
    ...Object.entries(headers).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    ...(body === undefined ? [] : [`--data-raw ${quoted(body)}`]),
  ].join(" \\\n  ");

/** @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

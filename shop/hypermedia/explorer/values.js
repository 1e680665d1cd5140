/** Values for people: money, instants and numbers as the reader writes them, the exact one at hand. */

import { h, link } from "./dom.js";
import { state } from "./hal.js";
import { word } from "./words.js";

/** @typedef {import("./hal.js").Resource} Resource */

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;
const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** @param {any} value */
const amount = (value) => value && typeof value === "object" && "amount" in value && "currency" in value && Object.keys(value).length === 2;

/** @param {any} value */
export const nested = (value) => value !== null && typeof value === "object" && !amount(value);

/** @param {any} value @returns {value is Resource[]} */
export const rows = (value) => Array.isArray(value) && value.length > 0 && value.every(nested);

/** What a column or a term looks like: figures are aligned, what only machines need is quiet.
 * @param {string} name @param {any} value @param {string} kind */
export function look(name, value, kind) {
  const { means } = word(name, kind);
  if (name === "id" || means === "identifier") return "quiet";
  return means === "price" || typeof value === "number" || amount(value) ? "figure" : "";
}

/** @param {string} name @param {any} value @param {Resource} of the resource it is a part of @param {string} kind @returns {Node | string} */
export function show(name, value, of, kind) {
  const { means, currency } = word(name, kind);
  if (amount(value)) return money(value.amount, value.currency);
  if (means === "price") return money(value, spoken(of, kind) ?? currency);
  if (Array.isArray(value)) return rows(value) || !value.length ? String(value.length) : value.join(", ");
  if (typeof value === "boolean") return value ? "Yes" : "No";
  if (typeof value === "number") return look(name, value, kind) === "quiet" ? String(value) : new Intl.NumberFormat().format(value);
  if (typeof value !== "string") return value === null ? "" : JSON.stringify(value);
  if (INSTANT.test(value) && !Number.isNaN(Date.parse(value))) return h("time", { datetime: value, title: value }, when.format(new Date(value)));
  return /^https?:\/\/\S+$/.test(value) ? link(value, {}, value) : value;
}

/** The same, as text alone. @type {(...of: Parameters<typeof show>) => string} */
export const said = (...of) => {
  const shown = show(...of);
  return typeof shown === "string" ? shown : shown.textContent ?? "";
};

/** @param {string | number} value @param {string | undefined} currency */
function money(value, currency) {
  if (!currency) return String(value);
  // @ts-ignore: a decimal text is formatted exactly, as the types do not know yet
  return h("data", { value }, new Intl.NumberFormat(undefined, { style: "currency", currency }).format(value));
}

/** @param {Resource} of @param {string} kind */
const spoken = (of, kind) => state(of).find(([name]) => word(name, kind).means === "priceCurrency")?.[1];

/** What a resource is called: by the member that means its name, else by its number.
 * @param {Resource} resource @param {string} kind @returns {string} */
export function called(resource, kind) {
  const members = state(resource);
  const name = members.find(([name]) => word(name, kind).means === "name") ?? members.find(([name]) => /^(name|title|label)$/.test(name));
  return name ? String(name[1]) : "id" in resource ? `${word(kind).title} ${resource.id}` : "";
}

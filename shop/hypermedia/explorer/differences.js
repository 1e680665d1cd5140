/** What is different between two states of a page, in sentences for people who do not see it. */

import { embedded, kind as kindOf, linked, state } from "./hal.js";
import { called, rows, said } from "./values.js";
import { word } from "./words.js";

/** @typedef {import("./hal.js").Resource} Resource */
/** @typedef {Map<string, string>} Sentences by what they are about */

const MOST_SENTENCES = 2;

/** @param {Resource} before @param {Resource} after @returns {Sentences} */
export function compare(before, after) {
  const lists = embedded(after).filter(([, found]) => Array.isArray(found));
  if (!lists.length) return compareState(before, after);
  return new Map(lists.flatMap(([rel, items]) => [...compareItems(before._embedded?.[rel] ?? [], items)]));
}

/** @param {Resource} before @param {Resource} after @param {string} [name] of the thing, where there are several @returns {Sentences} */
function compareState(before, after, name) {
  const kind = kindOf(after);
  const text = (/** @type {Resource} */ of, /** @type {string} */ member) => (member in of ? said(member, of[member], of, kind) : "");
  const isTold = (/** @type {[string, any]} */ [member, value]) => !rows(value) && word(member, kind).means !== "dateModified";
  const different = state(after).filter(isTold).map(([member]) => member).filter((member) => text(before, member) !== text(after, member));
  return new Map(different.map((member) =>
    [`${addressOf(after)} ${member}`, `${name ? `${name}: ` : ""}${word(member, kind).title} is now ${text(after, member) || "empty"}.`]));
}

/** @param {Resource[]} before @param {Resource[]} after @returns {Sentences} */
function compareItems(before, after) {
  const known = new Map(before.map((item) => [addressOf(item), item]));
  const left = new Set(after.map(addressOf));
  const name = (/** @type {Resource} */ item) => called(item, kindOf(item)) || "One";
  const found = after.flatMap((item) => {
    const old = known.get(addressOf(item));
    return old ? [...compareState(old, item, name(item))] : [/** @type {[string, string]} */ ([addressOf(item), `New: ${name(item)}.`])];
  });
  const gone = before.filter((item) => !left.has(addressOf(item)));
  const isShifted = gone.length > 0 && after.some((item) => !known.has(addressOf(item))); // to another page, by what is new
  return new Map([...found, ...(isShifted ? [] : gone.map((item) => /** @type {[string, string]} */ ([addressOf(item), `${name(item)} is no longer here.`])))]);
}

/** @param {Resource} resource */
const addressOf = (resource) => linked(resource, "self")?.href ?? "";

/** All in a few words. @param {Sentences} sentences */
export const summarize = (sentences) =>
  (sentences.size > MOST_SENTENCES ? `${sentences.size} changes on this page.` : [...sentences.values()].join(" "));

/** A resource as a page: its name, where it leads, how it stands, its lists, and what may be done with it now. */

import { h, link } from "./dom.js";
import { form } from "./forms.js";
import { embedded, kind as kindOf, linked, pages, searching, state, templates, turning, ways } from "./hal.js";
import { table } from "./tables.js";
import { called, look, nested, rows, said, show } from "./values.js";
import { humane, word } from "./words.js";

/** @typedef {import("./hal.js").Resource} Resource */
/** @typedef {import("./hal.js").Template} Template */
/** @typedef {import("./forms.js").Around} Around */

/** @param {Resource} resource @param {string} url */
export const title = (resource, url) => called(resource, kindOf(resource)) || resource.title || humane(last(url)) || "Home";

/** The last word of a path. @param {string} url */
const last = (url) => new URL(url, location.href).pathname.split("/").filter((part) => /[a-z]/i.test(part)).pop() ?? "";

/** @param {Resource} resource @param {string} url @param {Around} around */
export function page(resource, url, around) {
  const kind = kindOf(resource);
  const search = searching(resource);
  const forms = templates(resource).filter(([, { method, target }]) => !(search && method === search.method && target === search.target));
  const list = embedded(resource).some(([, each]) => Array.isArray(each));
  const body = [list ? null : sheet(resource, kind), ...lists(resource, kind)];
  return [
    h("header", { class: "head" }, h("h1", { tabindex: -1 }, title(resource, url)), navigation(resource, kind)),
    ...(search ? [searcher(search, resource, around)] : []),
    h("div", { class: forms.length && !list ? "halves" : "whole" }, h("div", {}, body), actions(forms, around)),
  ];
}

/** @param {Resource} resource @param {string} kind */
function navigation(resource, kind) {
  const told = kind === "home"; // there the links are what the page is about
  const found = ways(resource).map(([rel, { href, type, title }]) => {
    const { doc, title: usual } = word(rel, kind);
    const text = title ?? (rel === "collection" ? humane(last(href)) : usual);
    return h("li", { "data-key": rel }, link(href.split("{")[0], { rel, type, title: doc || null }, text), told && doc && h("small", {}, doc));
  });
  return found.length > 0 && h("nav", { "aria-label": "Leads to" }, h("ul", { class: told ? "ways told" : "ways" }, found));
}

/** How a resource stands: what is not a list. @param {Resource} resource @param {string} kind @returns {HTMLElement | false} */
function sheet(resource, kind) {
  const plain = state(resource).filter(([, value]) => !Array.isArray(value) || (value.length > 0 && !rows(value)));
  const terms = plain.map(([name, value]) => {
    const inner = nested(value) && !Array.isArray(value) ? sheet(value, kind) : show(name, value, resource, kind);
    return term(name, word(name, kind), look(name, value, kind), inner);
  });
  const tag = resource._etag && term("_etag", word("_etag"), "quiet", h("code", {}, resource._etag));
  return plain.length > 0 && h("dl", { class: "sheet" }, terms, tag);
}

/** @param {string} key @param {import("./words.js").Word} word @param {string} look @param {Node | string | false} value */
const term = (key, { title, doc }, look, value) => h("div", { class: look || null, "data-key": key }, h("dt", { title: doc || null }, title), h("dd", {}, value));

/** Lists inside the state as small tables, embedded ones as large ones, embedded resources each under its name.
 * @param {Resource} resource @param {string} kind @returns {Node[]} */
function lists(resource, kind) {
  const inside = state(resource).filter(([, value]) => rows(value)).map(([name, value]) => {
    const { title } = word(name, kind);
    return section(title, table(title, value, name));
  });
  return [...inside, ...embedded(resource).map(([rel, found]) => (Array.isArray(found) ? whole(rel, found, resource) : part(humane(rel), found)))];
}

/** @param {string} rel @param {Resource[]} items @param {Resource} list */
const whole = (rel, items, list) =>
  h("div", {}, items.length ? table(humane(rel), items, kindOf(items[0]), list) : h("p", { class: "empty" }, "Nothing here."),
    h("div", { class: "foot" }, pager(list), count(list)));

/** @param {string} name @param {Resource} resource */
function part(name, resource) {
  const own = linked(resource, "self")?.href;
  return section(name, ...lists(resource, kindOf(resource)), own && h("p", {}, link(own, {}, `All ${name.toLowerCase()}`)));
}

/** @param {string} title @param {...import("./dom.js").Child} body */
const section = (title, ...body) => h("section", { "data-key": title }, h("h2", {}, title), ...body);

/** @param {Resource} list */
function pager(list) {
  const others = pages(list).filter(([, { href }]) => href !== linked(list, "self")?.href);
  const several = linked(list, "prev") || linked(list, "next");
  return several && h("nav", { class: "pager", "aria-label": "Pages" }, others.map(([rel, { href }]) => link(href, { rel }, humane(rel))));
}

/** @param {Resource} list */
function count(list) {
  const kind = kindOf(list);
  const plain = state(list).filter(([, value]) => !nested(value));
  return h("p", { class: "count" }, plain.map(([name, value]) =>
    h("span", {}, `${word(name, kind).title} `, h("b", {}, show(name, value, list, kind)))));
}

/** The search of a list, filled in with what was asked, but for the page: another search begins at its first page.
 * @param {Template} template @param {Resource} list @param {Around} around */
function searcher(template, list, around) {
  const asked = new URLSearchParams(location.search);
  turning(list).forEach((name) => asked.delete(name));
  const properties = (template.properties ?? []).map((each) => ({ ...each, value: asked.get(each.name) ?? each.value }));
  return h("details", { class: "search", open: asked.size > 0 },
    h("summary", {}, template.title ?? "Search"), form("search", { ...template, properties }, around));
}

/** @param {[string, Template][]} forms @param {Around} around */
function actions(forms, around) {
  const found = forms.map(([key, template]) => {
    const simple = (template.properties ?? []).every(({ type }) => type === "hidden");
    if (simple) return h("div", { class: "action", "data-key": key }, form(key, template, around));
    return h("details", { class: "action", "data-key": key, open: forms.length === 1 }, h("summary", {}, template.title ?? humane(key)), form(key, template, around));
  });
  return found.length > 0 && h("section", { class: "actions" }, h("h2", {}, "What you can do"), found);
}

/** What is different after a move, in a sentence for each member.
 * @param {Resource | undefined} before @param {Resource} after @returns {string[]} */
export function changes(before, after) {
  if (!before || linked(before, "self")?.href !== linked(after, "self")?.href) return [];
  const kind = kindOf(after);
  const text = (/** @type {Resource} */ of, /** @type {string} */ name) => (name in of ? said(name, of[name], of, kind) : "") || "nothing";
  const different = state(after).filter(([name, value]) => !rows(value) && text(before, name) !== text(after, name));
  return different.map(([name]) => `${word(name, kind).title}: ${text(before, name)} → ${text(after, name)}`);
}

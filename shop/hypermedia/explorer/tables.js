/** Lists as tables: a row leads to its item, and a column sorts where the search can sort. */

import { h, link } from "./dom.js";
import { linked, links, searching, state, turning } from "./hal.js";
import { filled } from "./request.js";
import { called, look, show } from "./values.js";
import { word } from "./words.js";

/** @typedef {import("./hal.js").Resource} Resource */
/** @typedef {(name: string) => {href: string, now: "ascending" | "descending" | null} | undefined} Sorter */

/** @param {string} title @param {Resource[]} items @param {string} kind @param {Resource} [list] the page that holds them */
export function table(title, items, kind, list) {
  const long = (/** @type {string} */ name) => items.some((item) => typeof item[name] === "string" && item[name].length > 40);
  const found = [...new Set(items.flatMap((item) => state(item).map(([name]) => name)))];
  const names = [...found.filter((name) => !long(name)), ...found.filter(long)]; // figures first, where a phone shows them
  const lead = names.find((name) => word(name, kind).means === "name") ?? names.find((name) => /^(name|title)$/.test(name)) ?? names[0];
  const sort = sorter(list, names);
  const head = names.map((name) =>
    h("th", { scope: "col", class: classed(items, name, kind), "aria-sort": sort(name)?.now }, heading(name, kind, sort)));
  const body = items.map((item) => h("tr", { "data-key": linked(item, "self")?.href }, names.map((name) => cell(item, name, kind, name === lead))));
  return h("div", { class: "scroll", role: "region", "aria-label": title, tabindex: 0 },
    h("table", {}, h("caption", { class: "unseen" }, title), h("thead", {}, h("tr", {}, head)), h("tbody", {}, body)));
}

/** @param {Resource[]} items @param {string} name @param {string} kind */
const classed = (items, name, kind) => look(name, items.find((item) => name in item)?.[name], kind) || null;

/** @param {Resource} item @param {string} name @param {string} kind @param {boolean} leads */
function cell(item, name, kind, leads) {
  const shown = name in item ? show(name, item[name], item, kind) : "";
  const href = leads && (linked(item, "self") ?? links(item)[0]?.[1])?.href;
  return h("td", { class: look(name, item[name], kind) || null }, href ? link(href, { class: "row" }, shown || called(item, kind)) : shown);
}

/** @param {string} name @param {string} kind @param {Sorter} sort */
function heading(name, kind, sort) {
  const { title, doc } = word(name, kind);
  const way = sort(name);
  return way ? link(way.href, { title: doc || null }, title) : h("span", { title: doc || null }, title);
}

/** @param {import("./hal.js").Option} option */
const worth = (option) => (typeof option === "string" ? option : option.value);

/** How the search of a list sorts: one member chooses among the columns, another between asc and desc.
 * @param {Resource | undefined} list @param {string[]} names @returns {Sorter} */
function sorter(list, names) {
  const search = list && searching(list);
  const choices = (search?.properties ?? []).map(({ name, options }) => ({ name, values: (options?.inline ?? []).map(worth) }));
  const turn = choices.find(({ values }) => values.join() === "asc,desc");
  const by = choices.find(({ values }) => values.filter((each) => names.includes(each)).length > 1);
  if (!list || !search || !turn || !by) return () => undefined;
  const asked = new URLSearchParams(location.search);
  const rest = [...asked].filter(([name]) => ![by.name, turn.name, ...turning(list)].includes(name));
  return (column) => {
    if (!by.values.includes(column)) return undefined;
    const now = asked.get(by.name) !== column ? null : asked.get(turn.name) === "desc" ? "descending" : "ascending";
    return { href: filled(search, [...rest, [by.name, column], [turn.name, now === "ascending" ? "desc" : "asc"]]).url, now };
  };
}

/** HAL and HAL-FORMS as they are written, and what is read out of them. Nothing here knows what they are about. */

/** @typedef {{href: string, title?: string, templated?: boolean, type?: string}} Link */
/** @typedef {string | {prompt?: string, value: string}} Option */
/**
 * @typedef {object} Property
 * @property {string} name
 * @property {string} [type]
 * @property {string} [prompt]
 * @property {string} [value]
 * @property {string} [placeholder]
 * @property {string} [regex]
 * @property {boolean} [required]
 * @property {boolean} [readOnly]
 * @property {number} [min]
 * @property {number} [max]
 * @property {number} [step]
 * @property {number} [minLength]
 * @property {number} [maxLength]
 * @property {{inline?: Option[], link?: Link, maxItems?: number, selectedValues?: string[], promptField?: string, valueField?: string}} [options]
 */
/** @typedef {{title?: string, method: string, target: string, contentType?: string, properties?: Property[]}} Template */
/** @typedef {Record<string, any>} Resource */

const PAGING = ["first", "prev", "next", "last"];

/** @param {Resource} resource @returns {[string, any][]} */
export const state = (resource) => Object.entries(resource).filter(([name]) => !name.startsWith("_"));

/** @param {Resource} resource @returns {[string, Link][]} */
export const links = (resource) =>
  Object.entries(resource._links ?? {}).flatMap(([rel, found]) => [found].flat().map((each) => /** @type {[string, Link]} */ ([rel, each])));

/** @param {Resource} resource @param {string} rel @returns {Link | undefined} */
export const linked = (resource, rel) => links(resource).find(([name]) => name === rel)?.[1];

/** @param {Resource} resource @returns {[string, Template][]} */
export function templates(resource) {
  const here = linked(resource, "self")?.href;
  const found = Object.entries(resource._templates ?? {}).map(([key, template]) => [key, { target: here, ...template }]);
  return /** @type {[string, Template][]} */ (found.filter(([, { target }]) => target));
}

/** @param {Resource} resource @returns {[string, any][]} */
export const embedded = (resource) => Object.entries(resource._embedded ?? {});

/** The ways that are offered as links: not those to here, through pages, to the words, to events, or that have a form.
 * @param {Resource} resource @returns {[string, Link][]} */
export function ways(resource) {
  const formed = new Set(templates(resource).map(([key]) => key));
  const here = linked(resource, "self")?.href;
  const elsewhere = links(resource).filter(([rel, { href }]) => !formed.has(rel) && href !== here);
  return elsewhere.filter(([rel, { type }]) => ![...PAGING, "self", "profile", "curies"].includes(rel) && type !== "text/event-stream");
}

/** @param {Resource} resource @returns {[string, Link][]} */
export const pages = (resource) => PAGING.flatMap((rel) => links(resource).filter(([name]) => name === rel));

/** The form that searches this very list. @param {Resource} list */
export function searching(list) {
  const here = linked(list, "self")?.href.split("?")[0];
  return templates(list).find(([, { method, target }]) => method.toUpperCase() === "GET" && target.split(/[?{]/)[0] === here)?.[1];
}

/** The members of a query that turn pages: those in which the links to other pages differ from this one.
 * @param {Resource} list */
export function turning(list) {
  const query = (/** @type {string} */ href) => new URL(href, location.href).searchParams;
  const here = query(linked(list, "self")?.href ?? "");
  const others = pages(list).map(([, { href }]) => query(href));
  const names = new Set([here, ...others].flatMap((each) => [...each.keys()]));
  return [...names].filter((name) => others.some((each) => each.get(name) !== here.get(name)));
}

/** Which of its kind a resource is: what its profile link says behind the #.
 * @param {Resource} resource */
export const kind = (resource) => linked(resource, "profile")?.href.split("#")[1] ?? "";

/** A URI template (RFC 6570, as far as HAL uses it), filled in.
 * @param {string} href @param {Record<string, string>} values */
export const expand = (href, values) =>
  href.replace(/\{([?&]?)([\w,.%]+)\}/g, (_, sign, names) => {
    const filled = names.split(",").filter((/** @type {string} */ name) => values[name]);
    if (!sign) return filled.map((/** @type {string} */ name) => encodeURIComponent(values[name])).join(",");
    const said = filled.map((/** @type {string} */ name) => `${name}=${encodeURIComponent(values[name])}`).join("&");
    return said && sign + said;
  });

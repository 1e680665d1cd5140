/** The fields of a form: the right control for each property, and what is said beside it. */

import { h } from "./dom.js";
import { send } from "./http.js";
import { get, many } from "./request.js";
import { word } from "./words.js";

/** @typedef {import("./hal.js").Template} Template */
/** @typedef {import("./hal.js").Property} Property */
/** @typedef {Record<string, any>} Attributes */

/** @param {Property} property @param {string} id @param {string} kind @param {Template} template */
export function field(property, id, kind, template) {
  const { name, prompt, required, type } = property;
  const { doc, title } = word(name, kind);
  const help = doc && kind && template.method !== "GET" && h("small", { id: `${id}-help` }, doc);
  const described = `${help ? `${id}-help ` : ""}${id}-error`;
  return h("div", { class: type === "textarea" ? "field wide" : "field" },
    h("label", { for: id }, prompt ?? title, required && h("span", { class: "must", "aria-hidden": "true" }, " *")),
    control(property, { id, name, required, "aria-describedby": described }, template.properties ?? []),
    help, h("p", { class: "error", id: `${id}-error` }));
}

/** @param {Property} property @param {Attributes} attributes @param {Property[]} beside */
function control(property, attributes, beside) {
  if (property.options) return select(property, attributes);
  const { type = "text", value = "", regex, min, max, step, minLength, maxLength, placeholder, readOnly } = property;
  const all = { ...attributes, placeholder, readonly: readOnly, minlength: minLength || null, maxlength: maxLength };
  if (type === "textarea") return h("textarea", { ...all, rows: 3 }, value);
  const named = beside.some((each) => each.type === "password") ? "username" : "off";
  const autocomplete = type === "password" ? "current-password" : type === "email" ? "email" : named;
  return h("input", { ...all, type, value, pattern: regex, min, max, step, autocomplete });
}

/** @param {Property} property @param {Attributes} attributes */
function select(property, attributes) {
  const { inline = [], selectedValues = [], link, valueField = "value", promptField = "prompt" } = property.options ?? {};
  const option = (/** @type {any} */ each) => {
    const [value, prompt] = typeof each === "object" ? [String(each[valueField]), each[promptField]] : [String(each), each];
    return h("option", { value, selected: selectedValues.includes(value) || value === property.value }, String(prompt ?? value));
  };
  const none = property.required || many(property) ? null : h("option", { value: "" });
  const made = h("select", { ...attributes, multiple: many(property) }, none, inline.map(option));
  if (link && !inline.length) offered(link.href).then((found) => made.append(...found.map(option)), () => {});
  return made;
}

/** Options that stand elsewhere: a list, or a resource that embeds one.
 * @param {string} href @returns {Promise<any[]>} */
async function offered(href) {
  const { document } = await send(get(new URL(href, location.href).href));
  return Array.isArray(document) ? document : [Object.values(document?._embedded ?? {})[0] ?? []].flat();
}

/** What a property stands at, before anybody types. @param {Property} property */
export const worth = ({ value, options }) => value ?? options?.selectedValues?.[0] ?? "";

/** @param {HTMLElement} form @param {string} id @returns {HTMLInputElement | null} */
export const found = (form, id) => form.querySelector(`#${CSS.escape(id)}`);

/** Say something beside a field. @param {HTMLElement} form @param {string} id @param {...(Node | string)} what */
export function mark(form, id, ...what) {
  found(form, id)?.setAttribute("aria-invalid", "true");
  found(form, `${id}-error`)?.replaceChildren(...what);
}

/** @param {HTMLElement} form */
export function clear(form) {
  for (const control of form.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
  for (const error of form.querySelectorAll(".error")) error.replaceChildren();
}

/** Somebody else was here. What was not touched follows them; what was typed stands, with theirs beside it to take.
 * @param {HTMLElement} form @param {string} id @param {string} before @param {string} now */
export function reconcile(form, id, before, now) {
  const control = found(form, id);
  if (!control) return;
  const take = () => {
    control.value = now;
    mark(form, id, `It is ${now || "(empty)"} now.`);
    control.removeAttribute("aria-invalid");
  };
  if (control.value === before) return take();
  const button = h("button", { type: "button", class: "quiet", onclick: () => (take(), control.focus()) }, "Take it");
  mark(form, id, `Now: ${now || "(empty)"}. Yours: ${control.value || "(empty)"}. `, button);
}

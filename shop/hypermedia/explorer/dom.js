/** Elements. Text always stays text, so nothing that a server says can become markup. */

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [attributes] those that begin with "on" are listeners; null and false leave one out
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (present(value)) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter(present).map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

/** @param {any} value */
const present = (value) => value !== null && value !== undefined && value !== false;

/**
 * What the page itself has under this id.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function at(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/**
 * A link, but only to where a browser may safely go.
 * @param {string} href
 * @param {Record<string, any>} attributes
 * @param {...Child} children
 */
export const link = (href, attributes, ...children) =>
  h(/^https?:/.test(new URL(href, location.href).href) ? "a" : "span", { href, ...attributes }, ...children);

/** A button that copies a text, as it is when it is pressed. @param {() => Promise<string>} text */
export function copier(text) {
  const button = h("button", { type: "button", class: "quiet", onclick: copy }, "Copy");
  async function copy() {
    await navigator.clipboard.writeText(await text());
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  }
  return button;
}

/** Tell every second how many are left, and at the end that there are none; until nobody wants to know.
 * @param {number} seconds @param {(left: number) => boolean | void} tell false ends it */
export function countdown(seconds, tell) {
  const end = Date.now() + seconds * 1000;
  const timer = setInterval(tick, 250);
  tick();
  function tick() {
    const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    if (tell(left) === false || !left) clearInterval(timer);
  }
}

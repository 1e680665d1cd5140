/** Questions in front of the page. */

import { h } from "./dom.js";

/** Ask something, and hear what it was closed with.
 * @param {string} title @param {(dialog: HTMLDialogElement) => (Node | null)[]} body @returns {Promise<string>} */
export function ask(title, body) {
  const dialog = h("dialog", { "aria-label": title }, h("h2", {}, title));
  dialog.append(...body(dialog).filter((node) => node !== null));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((answer) => dialog.addEventListener("close", () => (dialog.remove(), answer(dialog.returnValue))));
}

/** @param {string} title */
export const sure = async (title) =>
  "yes" === (await ask(title, () => [
    h("form", { method: "dialog" }, h("p", {}, "Do you want this? It may not be possible to undo it."),
      h("p", { class: "acts" }, h("button", { value: "yes", class: "grave" }, title),
        h("button", { value: "", autofocus: true, class: "quiet" }, "Leave it as it is"))),
  ]));

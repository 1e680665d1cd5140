/** Templates as forms: they send what was typed, say what went wrong where it went wrong, and lose nothing. */

import { sure } from "./dialogs.js";
import { countdown, h, link } from "./dom.js";
import { command } from "./drawer.js";
import { clear, field, found, mark, reconcile, worth } from "./fields.js";
import { linked, links, templates } from "./hal.js";
import { Unreachable, send, signed } from "./http.js";
import { curl, filled, gathered, get } from "./request.js";
import { humane } from "./words.js";

/** @typedef {import("./hal.js").Template} Template */
/** @typedef {import("./http.js").Exchange} Exchange */
/**
 * What a form needs of the page around it.
 * @typedef {object} Around
 * @property {string} kind what the page shows
 * @property {(exchange: Exchange, template: Template) => void} done
 * @property {(href: string) => void} go
 * @property {(template: Template) => Promise<boolean>} login
 */

let made = 0;

/** How a form takes over a newer template, and the template that it has. @type {WeakMap<Element, {adopt: (next: Template) => void, read: () => Template}>} */
const inside = new WeakMap();

/** Whether a form is to stay, because somebody is at it; it then takes over what a newer one sends unseen.
 * @param {HTMLFormElement} form @param {HTMLFormElement} newer */
export function keepForm(form, newer) {
  const isInUse = form.contains(document.activeElement) || form.querySelector("details[open], .notice:not(:empty)");
  if (!isInUse && !("touched" in form.dataset)) return false;
  const next = inside.get(newer)?.read();
  if (next) inside.get(form)?.adopt(next);
  return true;
}

/** @param {string} key @param {Template} template @param {Around} around */
export function form(key, template, around) {
  const prefix = `${key}-${++made}-`;
  const title = template.title ?? humane(key);
  const shown = (template.properties ?? []).filter(({ type }) => type !== "hidden");
  const notice = h("div", { role: "alert", class: "notice", tabindex: -1 });
  const button = h("button", { type: "submit", class: grave(template) && "grave" }, title);
  const request = () => filled(template, gathered(template, new FormData(element)));
  const shell = command("As curl", async () => curl(await signed(request())));
  const fields = shown.map((property) => field(property, prefix + property.name, around.kind, template));
  const element = h("form", { class: "form", "aria-label": title, oninput: touch, onsubmit: submit },
    notice, h("div", { class: "fields" }, fields), h("p", { class: "acts" }, button, shell.details));

  inside.set(element, { adopt, read: () => template });

  function touch() {
    element.dataset.touched = "";
    shell.renew();
  }

  /** A newer template has a newer tag. It is taken where all that the fields began with is the same; else the server shall refuse.
   * @param {Template} next */
  function adopt(next) {
    const begun = (/** @type {Template} */ { properties = [] }) => JSON.stringify(properties.filter(({ type }) => type !== "hidden").map((each) => [each.name, worth(each)]));
    if (begun(next) === begun(template)) template = next;
  }

  /** @param {Event} [event] */
  async function submit(event) {
    event?.preventDefault();
    element.dataset.touched = "";
    const asked = request();
    if (asked.method === "GET") return around.go(asked.url);
    if (grave(template) && !(await sure(title))) return;
    notice.replaceChildren();
    clear(element);
    button.disabled = true;
    try {
      const exchange = await send(asked);
      await (exchange.status < 400 ? around.done(exchange, template) : refused(exchange));
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      say("The server cannot be reached.", ["Nothing was lost: what you typed is still here. Send it again later."]);
    } finally {
      button.disabled = notice.dataset.waiting === "true";
    }
  }

  /** @param {Exchange} exchange */
  async function refused({ status, reason, wait, document: problem = {} }) {
    const way = templates(problem).find(([name]) => name !== key)?.[1];
    if (status === 401 && way) return (await around.login(way)) && submit();
    if (status === 412) return stale(linked(problem, "self")?.href ?? location.href);
    const errors = problem.errors ?? [];
    for (const { pointer, detail } of errors) mark(element, prefix + named(pointer), detail);
    say(problem.title ?? `${status} ${reason}`, [problem.detail, ...errors.map(leading), ...leads(problem), ...forms(problem)]);
    if (wait) count(wait);
  }

  /** Someone else was first: show what stands there now beside what was typed, and go on from there. @param {string} href */
  async function stale(href) {
    const now = (await send(get(href))).document ?? {};
    const fresh = templates(now).find(([name]) => name === key)?.[1];
    if (!fresh) return say("It was changed meanwhile.", ["This cannot be done any more. Load the page again to see how it is now."]);
    const before = new Map((template.properties ?? []).map((property) => [property.name, worth(property)]));
    const moved = (fresh.properties ?? []).filter(({ type }) => type !== "hidden").filter((each) => worth(each) !== before.get(each.name));
    template = fresh;
    for (const property of moved) reconcile(element, prefix + property.name, before.get(property.name) ?? "", worth(property));
    say("It was changed meanwhile.", [moved.length
      ? "Each field that is different now says so. Look at them, then send again."
      : "Nothing in this form is different now. Send it again if you still want to."]);
  }

  /** @param {string} head @param {(Node | string)[]} lines */
  function say(head, lines) {
    const said = lines.filter(Boolean).map((line) => (line instanceof HTMLFormElement ? line : h("p", {}, line)));
    notice.replaceChildren(h("strong", {}, head), ...said);
    notice.focus();
  }

  /** An error as a link to the field that it is about. @param {{pointer: string, detail: string}} error */
  function leading({ pointer, detail }) {
    const control = found(element, prefix + named(pointer));
    if (!control) return detail;
    const reach = (/** @type {Event} */ event) => (event.preventDefault(), control.focus());
    return h("a", { href: `#${control.id}`, onclick: reach }, `${control.labels?.[0]?.firstChild?.textContent}: ${detail}`);
  }

  /** Where a problem leads, and where the things lead that it names. @param {import("./hal.js").Resource} problem */
  const leads = (problem) =>
    [problem, ...Object.values(problem).filter(Array.isArray).flat()].flatMap((each) =>
      links(each).filter(([rel]) => rel !== "self" && rel !== key).map(([rel, way]) => link(way.href, {}, way.title ?? each.name ?? humane(rel))));

  /** @param {import("./hal.js").Resource} problem */
  const forms = (problem) =>
    templates(problem).filter(([name]) => name !== key || problem.status !== 401).map(([name, each]) => form(name, each, around));

  /** @param {number} seconds */
  function count(seconds) {
    const left = h("p");
    notice.append(left);
    countdown(seconds, (rest) => {
      left.textContent = rest ? `You can send it again in ${rest} s.` : "You can send it again now.";
      notice.dataset.waiting = String(rest > 0);
      if (!rest) button.disabled = false;
    });
  }

  return element;
}

/** A move that cannot be thought over while filling anything in, or that takes something away, is asked for twice.
 * @param {Template} template */
const grave = ({ method, properties = [] }) =>
  method.toUpperCase() === "DELETE" || (method.toUpperCase() !== "GET" && properties.every(({ type }) => type === "hidden"));

/** The field that a JSON pointer is about: "#/price". @param {string} pointer */
const named = (pointer = "") => decodeURIComponent(pointer.split("/")[1] ?? "").replaceAll("~1", "/").replaceAll("~0", "~");

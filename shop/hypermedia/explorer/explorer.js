/** The explorer: fetches what the address bar says, draws it, and goes where its links and forms lead. */

import { ask } from "./dialogs.js";
import { at, countdown, h } from "./dom.js";
import { drawer } from "./drawer.js";
import { form, keepForm } from "./forms.js";
import { kind, linked, templates } from "./hal.js";
import { Unreachable, look, send } from "./http.js";
import { morph } from "./morph.js";
import { changes, page, title } from "./page.js";
import { filled, get } from "./request.js";
import { borrow, current, forget, keep } from "./session.js";
import { lookAgain, point, tell, watch } from "./watch.js";
import { learn } from "./words.js";

/** @typedef {import("./http.js").Exchange} Exchange */
/** @typedef {import("./hal.js").Template} Template */

const main = at("main");
const site = document.title;
/** @type {Exchange | undefined} */
let shown;
let turn = 0;

/** Go to a place and draw it. @param {string} href @param {string[]} [news] what to say there */
async function go(href, news) {
  const url = new URL(href, location.href);
  if (url.origin !== location.origin) return location.assign(url);
  if (url.href !== location.href) {
    history.replaceState({ ...history.state, scroll: scrollY }, "");
    history.pushState({}, "", url);
  }
  await draw(news);
}

/** Fetch the place that the address bar names. @param {string[]} [news] */
async function draw(news = []) {
  const mine = ++turn;
  main.setAttribute("aria-busy", "true");
  try {
    const exchange = await look(location.href.split("#")[0]);
    if (mine !== turn) return; // the reader has gone on meanwhile
    if (!exchange.document && exchange.status < 400) return location.reload();
    render(exchange, news);
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    announce(["The server cannot be reached."], h("button", { type: "button", onclick: () => draw(news) }, "Try again"));
  } finally {
    main.removeAttribute("aria-busy");
  }
}

/** @param {Exchange} exchange @param {string[]} news */
function render(exchange, news) {
  shown = exchange;
  const resource = exchange.document ?? { title: `${exchange.status} ${exchange.reason}` };
  main.replaceChildren(...page(resource, location.href, around(resource)));
  document.title = `${title(resource, location.href)} · ${site}`;
  at("exchange").replaceChildren(...drawer(exchange));
  announce(news);
  account(linked(resource, "me")?.title);
  if (turn > 1) main.querySelector("h1")?.focus({ preventScroll: true });
  scrollTo(0, history.state?.scroll ?? 0);
  if (exchange.wait) wait(exchange.wait);
  watch(resource, refresh);
}

/** Fetch the page again, without a word, and change what is different. */
async function refresh() {
  if (!shown || document.hidden) return; // a page that is seen again looks by itself
  if (document.querySelector("dialog[open]") || main.getAttribute("aria-busy")) return lookAgain();
  const [mine, before] = [turn, shown];
  const tag = new Map(shown.headers).get("etag");
  const asked = get(location.href.split("#")[0]);
  const exchange = await send({ ...asked, headers: { ...asked.headers, ...(tag && { "If-None-Match": tag }) } }).catch(() => null);
  if (!exchange || exchange.wait) return void setTimeout(lookAgain, (exchange?.wait ?? 5) * 1000);
  if (mine !== turn || exchange.status === 304) return;
  if ([404, 410].includes(exchange.status)) return announce(["This is no longer here."]);
  if (!exchange.document || exchange.status >= 400) return;
  shown = exchange;
  point(morph(main, page(exchange.document, location.href, around(exchange.document)), keepForm));
  document.title = `${title(exchange.document, location.href)} · ${site}`;
  if (!at("exchange").contains(document.activeElement)) at("exchange").replaceChildren(...drawer(exchange));
  tell(before.document ?? {}, exchange.document);
}

/** @param {import("./hal.js").Resource} resource @returns {import("./forms.js").Around} */
const around = (resource) => ({ kind: kind(resource), go, login, done });

/** A move has succeeded: say what changed, and show what may be done next.
 * @param {Exchange} exchange @param {Template} template */
function done(exchange, template) {
  const before = shown?.document;
  if (keep(exchange.document)) return draw([`${template.title ?? "Login"}: done.`]);
  const news = [`${template.title ?? "Done"}: done.`];
  const headers = new Map(exchange.headers);
  const place = headers.get("location") ?? headers.get("content-location");
  if (!exchange.document) return go((before && linked(before, template.method === "DELETE" ? "collection" : "self")?.href) ?? home(), news);
  if (place && place !== location.href) history.pushState({}, "", place);
  turn++;
  render(exchange, [...news, ...changes(before, exchange.document)]);
}

/** @param {string[]} lines @param {...Node} more */
function announce(lines, ...more) {
  at("news").replaceChildren(...lines.map((line, index) => h(index ? "p" : "strong", {}, line)), ...more);
}

/** A server that asks to be left alone is asked again when it said. @param {number} seconds */
function wait(seconds) {
  const mine = turn;
  countdown(seconds, (left) => {
    if (mine !== turn) return false;
    left ? announce([`Asking again in ${left} s.`]) : draw();
  });
}

/** Log in, in front of what is being done. @param {Template} template */
async function login(template) {
  const answer = await ask(template.title ?? "Log in", (dialog) => [
    form("login", template, { kind: "", go, login, done: ({ document }) => dialog.close(keep(document) ? "in" : "") }),
    h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Not now"),
  ]);
  account();
  return answer === "in";
}

const home = () => /** @type {HTMLAnchorElement} */ (at("home")).href;

async function enter() {
  const start = await look(home());
  const template = templates(start.document ?? {}).find(([key]) => key === "login")?.[1];
  if (template && (await login(template))) draw();
}

async function leave() {
  const template = current()?._templates?.logout;
  if (template) await send(filled(template, [])).catch(() => {});
  forget();
  draw();
}

/** Who is logged in, as the home or the token said it. @param {string} [name] */
function account(name = linked(current() ?? {}, "me")?.title) {
  const session = current();
  at("account").replaceChildren(...(session
    ? [h("a", { href: linked(session, "me")?.href }, name ?? "Your account"), h("button", { type: "button", class: "quiet", onclick: leave }, "Log out")]
    : [h("button", { type: "button", class: "quiet", onclick: enter }, "Log in")]));
}

/** Links are followed here, but for those to other kinds of pages, and those that are wanted in a new tab.
 * @param {MouseEvent} event */
function follow(event) {
  const anchor = /** @type {Element} */ (event.target).closest("a");
  if (!anchor || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (anchor.origin !== location.origin || anchor.hash || anchor.target || anchor.type === "text/html" || anchor.rel === "profile") return;
  event.preventDefault();
  go(anchor.href);
}

function toggle() {
  const open = at("exchange").toggleAttribute("hidden");
  at("learn").setAttribute("aria-expanded", String(!open));
  sessionStorage.setItem("exchange", open ? "" : "open");
}

addEventListener("click", follow);
addEventListener("popstate", () => draw());
addEventListener("keydown", ({ key }) => key === "Escape" && !at("exchange").hidden && !document.querySelector("dialog[open]") && toggle());
at("learn").addEventListener("click", toggle);
if (sessionStorage.getItem("exchange")) toggle();
history.scrollRestoration = "manual";
account();
await Promise.all([learn(), borrow()]);
await draw();

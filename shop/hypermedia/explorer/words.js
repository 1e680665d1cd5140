/** What things are called, and what they mean: read once from the profile (ALPS), else guessed from the name. */

/** @typedef {{title: string, doc: string, means: string, currency?: string}} Word */

/** @type {Record<string, any>[]} */
let descriptors = [];

/** Fetch the profile that the page names, once in a session.
 * @returns {Promise<void>} */
export async function learn() {
  const place = document.querySelector('link[rel="profile"]')?.getAttribute("href");
  if (!place) return;
  try {
    const kept = sessionStorage.getItem(place) ?? (await (await fetch(place, { headers: { Accept: "application/alps+json" } })).text());
    descriptors = JSON.parse(kept).alps.descriptor;
    sessionStorage.setItem(place, kept);
  } catch {
    descriptors = []; // names are then guessed
  }
}

/** The word `name` as things of `kind` use it: as one of its parts, or as one that all share.
 * @param {string} name @param {string} [kind] @returns {Word} */
export function word(name, kind = "") {
  const own = descriptors.find((each) => each.descriptor && named([each], kind))?.descriptor ?? [];
  const shared = kind === "collection" ? undefined : descriptors.find(({ id }) => id === name);
  const found = part(own, name) ?? shared ?? {};
  const currency = found.ext?.find((/** @type {any} */ each) => each.id === "currency")?.value;
  return { title: found.title ?? humane(name), doc: found.doc?.value ?? "", means: found.def?.split("/").pop() ?? "", currency };
}

/** @param {Record<string, any>[]} list @param {string} name @returns {Record<string, any> | undefined} */
const named = (list, name) => list.find((each) => each.id === name || each.name === name);

/** @param {Record<string, any>[]} parts @param {string} name @returns {Record<string, any> | undefined} */
function part(parts, name) {
  const own = named(parts, name);
  if (own) return own;
  return parts.some(({ href }) => href === `#${name}`) ? descriptors.find(({ id }) => id === name) : undefined;
}

/** "created_at" as a person would write it.
 * @param {string} name */
export const humane = (name) => {
  const words = name.replace(/[_-]+/g, " ").replace(/([a-z])([A-Z])/g, "$1 $2").trim().toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
};

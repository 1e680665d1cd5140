/** Turn what is drawn into what it should be, and touch only what is different: focus, scrolling and open details stay. */

/** @typedef {(old: HTMLFormElement, fresh: HTMLFormElement) => boolean} Keep whether a form stays as it is */

/** Change the children of an element to these. @param {Element} element @param {Node[]} children @param {Keep} keep
 * @returns {Element[]} the terms and cells that are different now */
export function morph(element, children, keep) {
  const focus = document.activeElement;
  const fresh = document.createElement(element.tagName);
  fresh.append(...children);
  /** @type {Set<Element>} */
  const changed = new Set();
  morphChildren(element, fresh);
  if (focus instanceof HTMLElement && focus !== document.activeElement) (focus.isConnected ? focus : /** @type {HTMLElement} */ (element)).focus({ preventScroll: true });
  return [...changed];

  /** @param {Element} old @param {Element} fresh */
  function morphChildren(old, fresh) {
    const nodes = [...fresh.childNodes];
    const keys = new Set(nodes.map(keyOf));
    const keyed = new Map([...old.childNodes].filter(keyOf).map((node) => [keyOf(node), node]));
    let next = old.firstChild;
    for (const node of nodes) {
      while (next && keyOf(next) && !keys.has(keyOf(next))) next = drop(next);
      const same = keyOf(node) ? keyed.get(keyOf(node)) : next && !keyOf(next) && next.nodeName === node.nodeName ? next : undefined;
      if (!same || same.nodeName !== node.nodeName) old.insertBefore(node, next);
      else {
        if (same === next) next = next.nextSibling;
        else old.insertBefore(same, next);
        morphNode(same, node);
      }
    }
    while (next) next = drop(next);
  }

  /** @param {Node} old @param {Node} fresh */
  function morphNode(old, fresh) {
    if (old instanceof HTMLFormElement && fresh instanceof HTMLFormElement) return keep(old, fresh) || old.replaceWith(fresh);
    if (old instanceof Element && fresh instanceof Element) {
      copyAttributes(old, fresh);
      return morphChildren(old, fresh);
    }
    if (old.nodeValue === fresh.nodeValue) return;
    old.nodeValue = fresh.nodeValue;
    const place = old.parentElement?.closest("td, dd");
    if (place && !place.closest(".quiet")) changed.add(place); // what only machines need is not pointed at
  }

  /** Remove a node, unless somebody types in it; return the one behind it. @param {Node} node */
  function drop(node) {
    const next = node.nextSibling;
    const forms = node instanceof HTMLFormElement ? [node] : node instanceof Element ? [...node.querySelectorAll("form")] : [];
    if (!forms.some((form) => keep(form, form))) node.parentNode?.removeChild(node);
    return next;
  }
}

/** What a node is about, among its siblings. @param {Node} node */
const keyOf = (node) => (node instanceof HTMLElement ? node.dataset.key : undefined);

/** @param {Element} old @param {Element} fresh */
function copyAttributes(old, fresh) {
  const stays = (/** @type {Attr} */ { name }) => name === "open" || name === "data-changed"; // the reader opens and closes
  for (const attribute of [...old.attributes].filter((each) => !stays(each))) if (!fresh.hasAttribute(attribute.name)) old.removeAttribute(attribute.name);
  for (const attribute of [...fresh.attributes].filter((each) => !stays(each))) {
    if (old.getAttribute(attribute.name) !== attribute.value) old.setAttribute(attribute.name, attribute.value);
  }
}

// Finding, hearing and writing elements, for all other modules.
// Nothing here knows what a page is about.

export const first = (selector, root = document) => root.querySelector(selector);
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];
export const on = (name, listener) => document.addEventListener(name, listener);

/** Writes only what differs, so that nothing is read out or laid out anew for the same words. */
export function write(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

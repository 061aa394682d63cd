// Keeps the keyboard's place when what had the focus is replaced, removed or hidden: it never falls to the page's body.
// It goes to the same control, else to the one that took its place, else to the heading of the list.

import { all, first, on } from "./dom.js";

const CONTROLS = "a[href], button, summary, input:not([type=hidden]), select, textarea, [tabindex]";
const ROWS = "li, tr, article, .queue-row, [data-download], .split[data-live]"; // the last: the page of one thing
const HEADINGS = "h1, h2, h3, [id$=title]";

let onPage = null; // the last focus outside of dialogs: its element and its place
let inDialog = null;

/** Where a control is, in words that still hold when its part of the page has been fetched anew. */
export function placeOf(control) {
  const row = control.closest(ROWS);
  return {
    id: control.id,
    row: row?.id || "",
    piece: control.closest("[data-live]")?.id || "",
    title: control.closest("[aria-labelledby]")?.getAttribute("aria-labelledby") || "",
    thing: thingOf(control),
    label: labelOf(control),
    address: addressOf(control),
    number: row ? all(".button", row).indexOf(control) : -1,
    tag: control.tagName,
  };
}

/** Focuses what stands at a place now. */
export function goTo(place, options, root = document) {
  const found = find(place, root);
  if (found.tabIndex < 0) found.tabIndex = -1; // a heading
  found.focus(options);
}

function find(place, root) {
  return (place.id && visible(document.getElementById(place.id))) || sameControl(place, root) ||
    sameThing(place, root) || sameRow(place) || heading(place, root);
}

const labelOf = (control) => control.getAttribute("aria-label") || control.textContent.trim();

function addressOf(control) {
  return control.getAttribute("href") || control.getAttribute("formaction") || control.form?.getAttribute("action") ||
    control.value || "";
}

/** What a control acts on: /downloads/12/ of /downloads/12/pause/. */
const thingOf = (control) => addressOf(control).match(/^(\/[^/?#]+\/[^/?#]+\/)[^/?#]+\/?/)?.[1] || "";

function sameControl(place, root) {
  const controls = all(CONTROLS, root).filter((control) => addressOf(control) === place.address);
  const named = controls.filter((control) => labelOf(control) === place.label);
  const near = named.find((control) => control.closest("[data-live]")?.id === place.piece);
  return visible(near || named[0]);
}

function sameRow(place) {
  const row = place.number >= 0 && document.getElementById(place.row);
  if (!row) return null;
  const buttons = all(".button", row).filter((button) => button.getClientRects().length);
  return buttons[Math.min(place.number, buttons.length - 1)] || visible(first("a[href]", row));
}

function sameThing(place, root) {
  if (!place.thing) return null;
  const isSame = (control) => thingOf(control) === place.thing && control.tagName === place.tag;
  return visible(all(CONTROLS, root).find((control) => isSame(control) && !control.closest("#toasts")));
}

function heading(place, root) {
  const piece = place.piece && document.getElementById(place.piece);
  const title = place.title && document.getElementById(place.title);
  const page = root === document ? first("main") : root;
  return title || (piece && first(HEADINGS, piece)) || first(HEADINGS, page) || page;
}

/** The element, or the summary that it is folded behind; nothing where neither is shown. */
function visible(element) {
  if (!element || element.disabled) return null;
  const folded = element.closest("details:not([open])");
  const shown = folded && !element.matches("summary") ? first("summary", folded) : element;
  return shown.getClientRects().length ? shown : null;
}

// --- Noticing that it is lost ----------------------------------------------------------------------------------------

function remember({ target }) {
  if (target === document.body || target.closest("#toasts")) return; // back from a toast to where one came from
  const focus = { element: target, place: placeOf(target), isByKeyboard: target.matches(":focus-visible") };
  if (target.closest("dialog")) inDialog = focus;
  else onPage = focus;
}

/** A click beside all controls leaves them on purpose. */
function forget({ target }) {
  if (target.closest?.(CONTROLS) || target.closest?.("label")) return;
  if (target.closest?.("dialog")) inDialog = null;
  else onPage = null;
}

function restore() {
  const current = document.activeElement;
  const isKept = current && current !== document.body && current.getClientRects().length;
  const dialog = first("dialog[open]");
  const last = dialog ? inDialog : onPage;
  if (isKept || !last || (last.element.isConnected && last.element.disabled)) return; // it is enabled again in a moment
  const options = { preventScroll: !last.isByKeyboard };
  if (last.element.isConnected && visible(last.element)) visible(last.element).focus(options);
  else goTo(last.place, options, dialog || document);
}

export function keepFocus() {
  on("focusin", remember);
  on("pointerdown", forget);
  addEventListener("hashchange", () => { onPage = null; });
  const changes = { childList: true, subtree: true, attributes: true, attributeFilter: ["open", "hidden", "disabled"] };
  new MutationObserver(restore).observe(document.body, changes);
}

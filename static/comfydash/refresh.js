// Live pieces: elements with data-live="topic topic" are fetched again when something of a topic has changed.
// Each has its own hx-get and hx-trigger="live"; what a person has in hand is not pulled away.

import { all, first, on } from "./dom.js";

const SOON = 150; // several topics in the same moment are one fetch
const AGAIN = 1000;

const due = new Set();
let timer = 0;

/** Has the pieces of these topics fetched; "*" means all but the single cards. */
export function refresh(...topics) {
  topics.forEach((topic) => due.add(topic));
  if (!timer && due.size) timer = setTimeout(fetchDue, SOON);
}

/** Whether htmx asks because of refresh(), and not because of a person. */
export const isLive = (detail) => detail.requestConfig.triggeringEvent?.type === "live";

function fetchDue() {
  timer = 0;
  if (document.hidden || !window.htmx) return;
  const wanted = new Set(due);
  due.clear();
  for (const piece of all("[data-live]")) {
    const topics = topicsOf(piece);
    if (!isWanted(piece, topics, wanted)) continue;
    // While it is being fetched, htmx would queue the next fetch on an element that is replaced, and lose it.
    if (isInUse(piece) || piece.classList.contains("htmx-request")) topics.forEach((topic) => due.add(topic));
    else piece.dispatchEvent(new CustomEvent("live")); // htmx.trigger would wake the pieces around it too
  }
  if (due.size) timer = setTimeout(fetchDue, AGAIN);
}

const topicsOf = (piece) => piece.dataset.live.split(" ");

function isWanted(piece, topics, wanted) {
  const isCard = piece.dataset.live.startsWith("preset:");
  return topics.some((topic) => wanted.has(topic)) || (wanted.has("*") && !isCard);
}

// --- In use: an open menu, a row in the hand, a button being pressed, a half-typed word, an answer under way -------

let pressed = null;
const asked = new Map(); // request of a person -> where its answer goes

function isInUse(piece) {
  const focus = document.activeElement;
  return isAskedFor(piece) || Boolean(first("details.menu[open], .dragged", piece)) || piece.contains(pressed) ||
    (piece.contains(focus) && focus.matches("input:not([type=checkbox]), select, textarea"));
}

/** Another filter or page was asked for: the answer must find its place still there. */
function isAskedFor(piece) {
  for (const request of asked.keys()) {
    if (request.readyState === XMLHttpRequest.UNSENT || request.readyState === XMLHttpRequest.DONE) asked.delete(request);
  }
  return [...asked.values()].some((target) => piece.contains(target));
}

function watchUse() {
  on("pointerdown", (event) => { pressed = event.target; });
  for (const name of ["pointerup", "pointercancel"]) on(name, () => setTimeout(() => { pressed = null; }, 50));
  on("htmx:beforeRequest", ({ detail }) => { if (!isLive(detail)) asked.set(detail.xhr, detail.target); });
  on("htmx:beforeSwap", (event) => {
    const { elt, xhr } = event.detail;
    if (!isLive(event.detail) || xhr.status !== 200 || !isInUse(elt)) return;
    event.detail.shouldSwap = false;
    refresh(...topicsOf(elt));
  });
}

// --- What somebody has opened to read stays open: the new piece has the same summaries by their ids ----------------

function keepUnfolded() {
  let unfolded = [];
  on("htmx:beforeSwap", ({ detail }) => {
    unfolded = all("details[open] > summary[id]", detail.target).map((summary) => summary.id);
  });
  on("htmx:afterSwap", () => {
    unfolded.splice(0).forEach((id) => document.getElementById(id)?.parentElement.setAttribute("open", ""));
  });
}

/** A list that was scrolled comes back as long as it is. */
function tellHowManyAreShown({ detail }) {
  const cards = detail.triggeringEvent?.type === "live" ? all("article", detail.elt).length : 0;
  if (cards) detail.headers["X-Shown"] = cards;
}

export function startRefreshing() {
  watchUse();
  keepUnfolded();
  on("htmx:configRequest", tellHowManyAreShown);
  on("visibilitychange", () => { if (!document.hidden) fetchDue(); });
}

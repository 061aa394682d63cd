// Back, or a reload, returns to the place in a long list: as many cards, the same scroll, the same link in focus.
// What a page showed is kept by its address, in the window's own storage, when it is left.

import { all, first, on } from "./dom.js";
import { goTo, placeOf } from "./focus.js";

const KEPT = "places";
const MOST = 30; // addresses; the oldest go

let address = location.href; // of what is shown; the browser changes location before the page follows

function save() {
  const focused = document.activeElement;
  const entry = {
    address,
    scroll: scrollY,
    cards: all("#listing article").length,
    focus: focused && focused.closest("main *") ? placeOf(focused) : null,
  };
  const others = saved().filter((other) => other.address !== address);
  try {
    sessionStorage.setItem(KEPT, JSON.stringify([...others, entry].slice(-MOST)));
  } catch { // full, or forbidden: Back then begins at the top
  }
}

function saved() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT)) || [];
  } catch {
    return [];
  }
}

async function returnTo(entry) {
  const listing = first("#listing");
  if (listing && entry.cards > all("article", listing).length) {
    await htmx.ajax("GET", address, { target: listing, swap: "outerHTML", headers: { "X-Shown": entry.cards } });
  }
  scrollTo(0, entry.scroll);
  if (entry.focus) goTo(entry.focus, { preventScroll: true });
}

export function rememberPlaces() {
  addEventListener("pagehide", save);
  on("htmx:beforeHistorySave", save);
  for (const name of ["htmx:pushedIntoHistory", "htmx:replacedInHistory"]) on(name, () => { address = location.href; });
  const [visit] = performance.getEntriesByType("navigation");
  const entry = visit?.type !== "navigate" && saved().find((other) => other.address === address);
  if (entry) addEventListener("load", () => returnTo(entry), { once: true });
}

// Menus (details.menu) close on a click elsewhere and on Escape; folded parts start closed on a small screen.
// Both open and close without the script too.

import { all, first, on } from "./dom.js";

const SMALL = 720; // pixels, as in comfydash.css

/** Closes all, or all but those around an element. */
export function closeMenus(element) {
  for (const menu of all("details.menu[open]")) if (!menu.contains(element)) menu.open = false;
}

function closeByEscape(event) {
  const menu = event.key === "Escape" && first("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  first("summary", menu).focus();
}

export function watchMenus() {
  on("click", (event) => closeMenus(event.target));
  on("keydown", closeByEscape);
  if (innerWidth < SMALL) all("details[data-fold]:not([data-keep])").forEach((fold) => { fold.open = false; });
}

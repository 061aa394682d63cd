// Buttons with data-copy put their text into the clipboard.
// A path becomes a whole address of this dashboard.

import { on } from "./dom.js";
import { toast } from "./toasts.js";

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("success", "Copied.");
  } catch { // plain http on a LAN address has no clipboard
    prompt("Copy this:", text);
  }
}

export function watchCopyButtons() {
  on("click", ({ target }) => {
    const text = target.closest("[data-copy]")?.dataset.copy;
    if (text) copy(text.startsWith("/") ? location.origin + text : text);
  });
}

// Dialogs: links with data-dialog open their page inside <dialog id="dialog">, data-open a dialog that is in the page.
// When one closes, the focus goes back to what opened it.

import { all, first, on } from "./dom.js";
import { closeMenus } from "./menus.js";

let openedFrom = null;

/** Whatever htmx puts into the dialog opens it. */
export const openDialog = (path) => htmx.ajax("GET", path, { target: "#dialog", swap: "innerHTML" });

export const closeDialogOf = (element) => element.closest("dialog")?.close();

function show(event) {
  const dialog = event.target;
  if (dialog.id !== "dialog") return;
  dialog.classList.toggle("drawer", Boolean(first("#queue-panel", dialog)));
  dialog.setAttribute("aria-labelledby", "dialog-title");
  if (!dialog.open) {
    openedFrom = document.activeElement;
    dialog.showModal();
  }
  (first("[autofocus]", dialog) || first("#dialog-title", dialog))?.focus();
}

function clicked(event) {
  const { target } = event;
  const link = target.closest("a[data-dialog]");
  if (link && window.htmx && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    closeMenus();
    openDialog(link.href);
  }
  const opener = target.closest("[data-open]");
  if (opener) document.getElementById(opener.dataset.open)?.showModal();
  if (target.closest("[data-close]")) close(target);
  if (target.matches("dialog[open]")) target.close(); // the backdrop
}

function close(button) {
  const toast = button.closest("[data-toast]");
  if (toast) toast.remove();
  else closeDialogOf(button);
}

function restoreFocus(event) {
  event.target.replaceChildren();
  if (document.activeElement !== document.body || !openedFrom) return;
  // The piece it was opened from has been fetched anew: to the same button there, or to the start of the content.
  const again = openedFrom.id
    ? document.getElementById(openedFrom.id)
    : first(`main a[href="${CSS.escape(openedFrom.getAttribute("href") || "")}"]`);
  (again || first("main")).focus();
}

export function watchDialogs() {
  on("htmx:afterSwap", show);
  on("click", clicked);
  first("#dialog")?.addEventListener("close", restoreFocus);
}

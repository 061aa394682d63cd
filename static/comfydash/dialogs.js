// Dialogs: links with data-dialog open their page inside <dialog id="dialog">, data-open a dialog that is in the page.
// Closing one gives the focus back to what opened it, by the browser or, where that is gone, by focus.js.

import { first, on } from "./dom.js";
import { closeMenus } from "./menus.js";

/** Whatever htmx puts into the dialog opens it. */
export const openDialog = (path) => htmx.ajax("GET", path, { target: "#dialog", swap: "innerHTML" });

export const closeDialogOf = (element) => element.closest("dialog")?.close();

function show(event) {
  const dialog = event.target;
  if (dialog.id !== "dialog") return;
  dialog.classList.toggle("drawer", Boolean(first("#queue-panel", dialog)));
  dialog.setAttribute("aria-labelledby", "dialog-title");
  if (!dialog.open) dialog.showModal();
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

export function watchDialogs() {
  on("htmx:afterSwap", show);
  on("click", clicked);
  first("#dialog")?.addEventListener("close", (event) => event.target.replaceChildren());
}

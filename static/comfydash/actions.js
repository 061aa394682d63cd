// Requests that a person makes: what follows an answer, how long one is waited for, and what is said when none comes.
// A form that did something is answered with X-Acted, and perhaps with the dialog that comes next (comfydash/actions.py).

import { closeDialogOf, openDialog } from "./dialogs.js";
import { all, first, on } from "./dom.js";
import { answerTime, isLeaving } from "./page.js";
import { isLive, refresh } from "./refresh.js";
import { clearSelection } from "./selection.js";
import { toast } from "./toasts.js";

const SLOW_ANSWER = 5; // times as long, for what asks another host; uploads take what they take
const NO_ANSWER = "The dashboard does not answer. Wait a moment, then look whether it was done before you try again; " +
  "if this stays, look whether ComfyDash still runs.";

function acted({ detail }) {
  if (!detail.xhr?.getResponseHeader("X-Acted")) return;
  const form = detail.elt;
  const card = form.closest("[data-live^='preset:']");
  if (form.matches("[data-selection]")) clearSelection();
  all("input[type=password]", form).forEach((field) => { field.value = ""; }); // on a page of its own it stays
  closeDialogOf(form);
  form.closest("[data-toast]")?.remove();
  form.closest("details.menu")?.removeAttribute("open");
  refresh("downloads", "activity", "disk", ...(form.dataset.refresh?.split(" ") || []), ...(card ? [card.dataset.live] : []));
  const next = detail.xhr.getResponseHeader("X-Dialog");
  if (next) openDialog(next);
}

function limitTime({ detail }) {
  const form = detail.elt.closest("form");
  const hasUpload = [...detail.formData.values()].some((value) => value instanceof File && value.size);
  detail.timeout = hasUpload ? 0 : answerTime() * (form?.dataset.slow === undefined ? 1 : SLOW_ANSWER);
}

/** What is not chosen does not stand in the address. */
function leaveOutEmpty({ detail }) {
  if (detail.verb !== "get") return;
  for (const [name, value] of Object.entries(detail.parameters)) if (!value) delete detail.parameters[name];
}

function sayRefusal({ detail }) {
  const { status } = detail.xhr;
  const gone = "This is not there any more. Reload the page to see what is.";
  const failed = `The dashboard answered ${status}. Its log says why; try again.`;
  toast("error", detail.xhr.getResponseHeader("X-Sentence") || (status === 404 ? gone : failed));
}

/** A form that htmx does not send leads to another page; when that does not come, this one is still here to say so. */
function watchPlainForm(event) {
  setTimeout(() => { // after htmx and the browser have decided who sends it
    if (event.defaultPrevented || event.target.method === "dialog" || first("input[type=file]", event.target)) return;
    setTimeout(() => { if (!isLeaving()) toast("error", NO_ANSWER); }, answerTime());
  });
}

export function watchActions() {
  on("htmx:afterRequest", acted);
  on("htmx:configRequest", limitTime);
  on("htmx:configRequest", leaveOutEmpty);
  on("htmx:responseError", sayRefusal);
  on("htmx:sendError", ({ detail }) => {
    if (!isLive(detail)) toast("error", "The dashboard does not answer. Is it still running?");
  });
  on("htmx:timeout", ({ detail }) => { if (!isLive(detail)) toast("error", NO_ANSWER); });
  on("submit", watchPlainForm);
}

// The order of the queue: rows are dragged, or moved with Alt and an arrow.
// A row's data-place is where its new position is posted.

import { all, first, on } from "./dom.js";

let dragged = null;

function take(event) {
  dragged = event.target.closest?.("[data-place]") || null;
  dragged?.classList.add("dragged");
}

function carry(event) {
  const over = dragged && event.target.closest?.("[data-place]");
  if (!over || over === dragged) return;
  event.preventDefault();
  const box = over.getBoundingClientRect();
  if (event.clientY < box.top + box.height / 2) over.before(dragged);
  else over.after(dragged);
}

function letGo() {
  if (!dragged) return;
  dragged.classList.remove("dragged");
  const position = all("[data-place]", dragged.parentElement).indexOf(dragged);
  const answer = { target: "#toasts", swap: "beforeend" };
  htmx.ajax("POST", dragged.dataset.place, { source: dragged, values: { position }, ...answer });
  dragged = null;
}

function moveByKey(event) {
  const direction = { ArrowUp: "up", ArrowDown: "down" }[event.key];
  const row = event.target.closest?.("[data-movable]");
  if (!row || !direction || !event.altKey) return;
  event.preventDefault();
  first(`[data-move="${direction}"]`, row)?.click();
}

export function watchQueue() {
  on("dragstart", take);
  on("dragover", carry);
  on("drop", (event) => { if (dragged) event.preventDefault(); });
  on("dragend", letGo);
  on("keydown", moveByKey);
}

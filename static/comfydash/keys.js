// Keyboard shortcuts; templates/components/_keys.html lists them.
// None while somebody writes in a field or a dialog is open.

import { first, on } from "./dom.js";

const SECOND_KEY = 1500; // milliseconds after "g"

let goAt = 0; // when "g" was pressed

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || isElsewhere(event.target)) return;
  const isSecond = Date.now() - goAt < SECOND_KEY;
  goAt = 0;
  if (isSecond) go(event);
  else if (event.key === "g") goAt = Date.now();
  else if (event.key === "/") search(event);
  else if (event.key === "?") first("#keys").showModal();
  else if (event.key === "q") first("[data-queue-link]")?.click();
}

const isElsewhere = (target) => target.matches?.("input, select, textarea") || first("dialog[open]");

function go(event) {
  const link = first(`.nav a[data-key="${CSS.escape(event.key)}"]`);
  if (!link) return;
  event.preventDefault();
  location.assign(link.href);
}

function search(event) {
  event.preventDefault();
  const field = first("[data-search]");
  if (!field) {
    location.assign("/models/?focus=search");
    return;
  }
  field.focus();
  field.select();
}

export function watchKeys() {
  on("keydown", pressed);
  if (new URLSearchParams(location.search).get("focus") === "search") first("[data-search]")?.focus();
}

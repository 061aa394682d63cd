// A workflow or a picture that is dropped or pasted anywhere in the dashboard goes to "Check a workflow".
// Without the script the same page has a form.

import { on } from "./dom.js";

const ACTION = "/workflows/drop/";

const hasFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
const isOverField = (event) => event.target.closest?.("input[type=file]");
const isInField = (event) => event.target.closest?.("input, textarea, select, [contenteditable], dialog[open]");
const csrfToken = () => JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"] || "";

function send(field) {
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action: ACTION, enctype: "multipart/form-data", hidden: true });
  const token = document.createElement("input");
  Object.assign(token, { name: "csrfmiddlewaretoken", value: csrfToken() });
  form.append(token, field);
  document.body.append(form);
  form.submit();
}

function sendFile(file) {
  const chosen = new DataTransfer();
  chosen.items.add(file);
  const field = document.createElement("input");
  Object.assign(field, { type: "file", name: "file", files: chosen.files });
  send(field);
}

function sendText(text) {
  const field = document.createElement("textarea");
  Object.assign(field, { name: "text", value: text });
  send(field);
}

// --- While files hang over the page ------------------------------------------------------------------------------

const hint = document.createElement("div");
Object.assign(hint, { className: "toast", textContent: "Drop it to check what it needs." });
let depth = 0; // dragenter comes again for each element below the pointer

function showHint(newDepth) {
  depth = Math.max(0, newDepth);
  if (depth) document.getElementById("toasts")?.append(hint);
  else hint.remove();
}

function allowDrop(event) {
  if (!hasFiles(event) || isOverField(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
}

function dropped(event) {
  showHint(0);
  const file = event.dataTransfer?.files[0];
  if (!file || isOverField(event)) return;
  event.preventDefault();
  sendFile(file);
}

function pasted(event) {
  if (isInField(event)) return;
  const file = event.clipboardData.files[0];
  const text = event.clipboardData.getData("text/plain").trim();
  if (file) sendFile(file);
  else if (text.startsWith("{")) sendText(text);
  else return;
  event.preventDefault();
}

export function watchDrops() {
  on("dragenter", (event) => { if (hasFiles(event)) showHint(depth + 1); });
  on("dragleave", (event) => { if (hasFiles(event)) showHint(depth - 1); });
  on("dragover", allowDrop);
  on("drop", dropped);
  on("paste", pasted);
}

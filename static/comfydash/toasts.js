// Short messages in the corner: those that the server put into the page, and toast() for the script's own.
// They go by themselves, later when they are serious, and not while somebody reads or holds them.

import { all, first } from "./dom.js";

const AT_ONCE = 5;
const SECONDS = { plain: 6, warning: 12, error: 20 };
const ICONS = { success: "check", warning: "alert", error: "cross-circle", info: "info" };

export function toast(level, sentence) {
  const box = document.createElement("div");
  box.className = `toast ${level}`;
  box.dataset.toast = "";
  box.setAttribute("role", level === "error" ? "alert" : "status");
  const text = document.createElement("p");
  text.textContent = sentence;
  box.append(icon(ICONS[level]), text, closeButton());
  first("#toasts").append(box);
}

function closeButton() {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "toast-close";
  button.dataset.close = "";
  button.setAttribute("aria-label", "Close this message");
  button.append(icon("cross"));
  return button;
}

/** A drawing of icons.svg, whose address any icon of the page knows. */
function icon(name) {
  const sprite = first("svg.icon use").getAttribute("href").split("#")[0];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
}

function removeInTime(box) {
  let timer = 0;
  const hold = () => clearTimeout(timer);
  const run = () => {
    hold();
    timer = setTimeout(() => box.remove(), 1000 * secondsOf(box));
  };
  box.addEventListener("pointerenter", hold);
  box.addEventListener("pointerleave", run);
  box.addEventListener("focusin", hold);
  box.addEventListener("focusout", run);
  run();
}

function secondsOf(box) {
  if (box.matches(".error")) return SECONDS.error;
  return box.matches(".warning") || first("form", box) ? SECONDS.warning : SECONDS.plain;
}

export function watchToasts() {
  const list = first("#toasts");
  if (!list) return;
  all("[data-toast]", list).forEach(removeInTime);
  new MutationObserver((changes) => {
    const added = changes.flatMap((change) => [...change.addedNodes]);
    added.filter((node) => node.nodeType === Node.ELEMENT_NODE && node.matches("[data-toast]")).forEach(removeInTime);
    all("[data-toast]", list).slice(0, -AT_ONCE).forEach((old) => old.remove());
  }).observe(list, { childList: true });
}

// Progress of installs: bars and figures move in place, in the page, the title and the announcer of screen readers.
// At most one drawing a frame, with the newest message of each file.

import { all, first, write } from "./dom.js";
import { duration, grouped, size } from "./sizes.js";

const KEPT_NAMES = 50; // the end of an install may be told after the queue without it
const pageTitle = document.title;
const names = new Map(); // download id -> what people call it
const waiting = new Map(); // download id and file -> message that is not drawn yet
const announced = new Map(); // download id -> tenths that were announced

export const nameOf = (message) => names.get(message.download_id) || message.preset_id;

/** The installs that are queued or run, as the socket lists them. */
export function rememberNames(items) {
  items.forEach((item) => names.set(item.id, item.title));
  const gone = [...names.keys()].filter((id) => !items.some((item) => item.id === id));
  gone.forEach((id) => announced.delete(id));
  gone.slice(0, -KEPT_NAMES).forEach((id) => names.delete(id));
}

export function drawSoon(message) {
  if (!waiting.size) requestAnimationFrame(draw);
  waiting.set(`${message.download_id} ${message.file}`, message);
}

/** Writes how far an install is into the window's title; without one, the page's own title. */
export function showInTitle(message) {
  document.title = message ? `${Math.floor(message.progress)} % ${nameOf(message)} · ${pageTitle}` : pageTitle;
}

function draw() {
  for (const message of waiting.values()) {
    for (const box of all(`[data-download="${message.download_id}"]`)) {
      drawInstall(box, message);
      drawFile(box, message);
    }
    showInTitle(message);
    announce(message);
  }
  waiting.clear();
}

function drawInstall(box, message) {
  const field = (name) => first(`[data-field="${name}"]`, box);
  drawBar(field("bar"), message.downloaded, message.total);
  write(field("percent"), `${Math.floor(message.progress)} %`);
  write(field("done"), doneOf(message.downloaded, message.total));
  write(field("speed"), speed(message));
  write(field("why"), message.status === "retrying" ? message.error || "" : "");
  write(field("eta"), message.eta_seconds ? `${duration(message.eta_seconds)} left` : "");
  const total = message.files_total;
  write(field("files"), `${grouped(message.files_completed)} of ${grouped(total)} file${total === 1 ? "" : "s"}`);
}

function drawFile(box, message) {
  const file = first(`[data-file="${CSS.escape(message.file || "")}"]`, box);
  if (!file) return;
  const field = (name) => first(`[data-file-field="${name}"]`, file);
  drawBar(field("bar"), message.file_downloaded, message.file_total);
  write(field("done"), doneOf(message.file_downloaded || 0, message.file_total));
  write(field("speed"), speed({ ...message, speed: message.file_speed }));
}

function drawBar(bar, done, total) {
  if (!bar) return;
  if (!total) {
    bar.removeAttribute("value");
    return;
  }
  bar.max = total;
  bar.value = Math.min(done, total);
}

const doneOf = (done, total) => (total ? `${size(done)} of ${size(total)}` : size(done));

function speed(message) {
  if (message.status === "retrying") {
    const wait = message.retry_in ? ` in ${duration(message.retry_in)}` : "";
    return `Retrying (${message.attempt}/${message.max_attempts})${wait}`;
  }
  if (message.error && !message.speed) return "Writing"; // what arrived waits for the disk
  if (message.status === "verifying") return "Verifying";
  return message.speed ? `${size(message.speed)}/s` : "";
}

/** Each tenth once: a screen reader that reads every percent says nothing else. */
function announce(message) {
  const tenth = Math.floor(message.progress / 10);
  if (announced.get(message.download_id) === tenth) return;
  if (announced.has(message.download_id)) write(first("#announcer"), `${nameOf(message)}: ${tenth * 10} %`);
  announced.set(message.download_id, tenth);
}

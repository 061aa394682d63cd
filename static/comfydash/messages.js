// What the page does with each message of the socket; activity/socket_messages.py lists them with their fields.
// They are hints: bars move in place, everything else is fetched again from the server.

import { banner } from "./banner.js";
import { all, first } from "./dom.js";
import { answerTime } from "./page.js";
import { drawSoon, nameOf, rememberNames, showInTitle } from "./progress.js";
import { refresh } from "./refresh.js";
import { ago } from "./sizes.js";
import { toast } from "./toasts.js";

const HANDLERS = {
  snapshot,
  heartbeat,
  queue_updated: (message) => { showQueue(message); refresh("downloads"); },
  download_progress: drawSoon,
  download_complete: installed,
  download_failed: (message) => stopped(message, "error", `failed. ${message.error || ""}`),
  download_waiting: (message) => stopped(message, "warning", `waits for you. ${message.error || ""}`),
  activity: (message) => refresh("activity", message.activity_type), // a type is a topic too: "settings"
  presets_refreshed: catalogueRefreshed,
};

export const handle = (message) => HANDLERS[message.type]?.(message);

let revision; // of the queue, as last heard
let statuses; // preset id -> status of its install and why it waits, as last heard

function snapshot(message) {
  const shown = revision === undefined ? first("[data-queue]")?.dataset.queue : revision;
  compareWith(shown, message);
  showQueue(message);
  showWorker(message.worker);
  // What was logged after the page was made and before its socket stood was told to nobody here.
  if (all("[data-newest]").some((piece) => Number(piece.dataset.newest) < message.newest_activity)) refresh("activity");
}

function heartbeat(message) {
  compareWith(revision, message);
  showQueue(message);
  showWorker(message.worker);
}

function compareWith(known, message) {
  if (known !== undefined && known !== message.revision) refresh("*");
}

function showQueue(message) {
  const hasChanged = revision !== message.revision;
  revision = message.revision;
  if (!message.items) return;
  refreshCards(message, hasChanged);
  rememberNames(message.items);
  const running = message.items.find((item) => item.status === "downloading");
  showInTitle(running && { download_id: running.id, preset_id: running.preset_id, progress: running.progress });
}

function refreshCards(message, hasChanged) {
  const fresh = new Map(message.queue.map((id) => [id, "queued "]));
  message.items.forEach((item) => fresh.set(item.preset_id, `${item.status} ${item.reason}`));
  if (statuses) {
    const active = Object.values(message.counts).reduce((sum, count) => sum + count, 0);
    if (hasChanged && fresh.size < active) refresh("presets"); // whose cards changed is not in the message
    for (const id of new Set([...fresh.keys(), ...statuses.keys()])) {
      if (fresh.get(id) !== statuses.get(id)) refresh(`preset:${id}`);
    }
  }
  statuses = fresh;
}

async function installed(message) {
  const name = nameOf(message);
  refreshEnded(message);
  toast("success", `${name} is installed.${await whereToSeeIt()}`);
}

function stopped(message, level, words) {
  refreshEnded(message);
  toast(level, `${nameOf(message)} ${words}`);
}

function refreshEnded(message) {
  showInTitle();
  refresh("downloads", "disk", `preset:${message.preset_id}`);
}

async function whereToSeeIt() {
  try {
    const answer = await fetch("/api/comfyui/status", { signal: AbortSignal.timeout(answerTime()) });
    return (await answer.json()).state === "up" ? " Press R in open tabs of ComfyUI to see it there." : "";
  } catch { // the next event will tell what is the matter
    return "";
  }
}

function catalogueRefreshed(message) {
  refresh("presets");
  toast("info", `The catalogue is up to date: ${message.total_presets} models, version ${message.version}.`);
}

function showWorker(state) {
  if (!state || state.alive) {
    banner("");
    return;
  }
  const since = state.seen_at ? ` since ${ago(Date.parse(state.seen_at))}` : "";
  banner(`The download worker does not answer${since}. It is started again by itself; nothing is lost.`);
}

// The dashboard's one script. Pages work without it; with it they stay true without a reload.
// Events of the socket are hints: bars move in place, everything else is fetched again from the server.
(() => {
  "use strict";
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const on = (name, act, options) => document.addEventListener(name, act, options);
  const pageTitle = document.title;

  // --- Words for numbers: the same as settings_app.sizes and comfydash/templatetags/dash.py -----------------------

  function size(bytes) {
    let value = bytes;
    for (const unit of ["B", "kB", "MB", "GB"]) {
      if (value < 999.5) return `${unit === "B" || value >= 99.95 ? value.toFixed(0) : value.toFixed(1)} ${unit}`;
      value /= 1000;
    }
    return `${value.toFixed(1)} TB`;
  }

  function duration(seconds) {
    const whole = Math.max(0, Math.round(seconds));
    if (whole < 60) return `${whole} s`;
    const minutes = Math.floor(whole / 60);
    if (whole < 600) return `${minutes} min ${whole % 60} s`;
    return whole < 3600 ? `${minutes} min` : `${Math.floor(whole / 3600)} h ${minutes % 60} min`;
  }

  function ago(moment) {
    const seconds = (Date.now() - moment) / 1000;
    if (seconds < 45) return "just now";
    if (seconds < 2700) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
    if (seconds < 79200) return `${Math.max(1, Math.round(seconds / 3600))} h ago`;
    if (seconds < 86400 * 26) return `${Math.max(1, Math.round(seconds / 86400))} d ago`;
    return new Date(moment).toISOString().slice(0, 10);
  }

  const write = (element, text) => { if (element && element.textContent !== text) element.textContent = text; };

  // --- Live pieces: [data-live="topic topic"] with their own hx-get and hx-trigger="live" ---------------------------

  const due = new Set();
  let dueTimer = 0;

  function refresh(...topics) {
    topics.forEach((topic) => due.add(topic));
    if (!dueTimer && due.size) dueTimer = setTimeout(fetchDue, 150);
  }

  // A menu that is open, a row in the hand, a button being pressed or a half-typed word is not pulled away.
  let pressed = null;
  on("pointerdown", (event) => { pressed = event.target; });
  for (const name of ["pointerup", "pointercancel"]) on(name, () => setTimeout(() => { pressed = null; }, 50));

  // A piece that a person has just asked for with another filter or page: the answer must find its place still there.
  const asked = new Map(); // request -> where its answer goes
  const isLive = (detail) => detail.requestConfig.triggeringEvent?.type === "live";
  on("htmx:beforeRequest", ({ detail }) => { if (!isLive(detail)) asked.set(detail.xhr, detail.target); });

  function isAskedFor(piece) {
    for (const request of asked.keys()) if (request.readyState === 0 || request.readyState === 4) asked.delete(request);
    return [...asked.values()].some((target) => piece.contains(target));
  }

  function inUse(piece) {
    const focus = document.activeElement;
    return isAskedFor(piece) || Boolean(one("details.menu[open], .dragged", piece)) || piece.contains(pressed) ||
      (piece.contains(focus) && focus.matches("input:not([type=checkbox]), select, textarea"));
  }

  function fetchDue() {
    dueTimer = 0;
    if (document.hidden || !window.htmx) return;
    const wanted = new Set(due);
    due.clear();
    for (const piece of all("[data-live]")) {
      const topics = piece.dataset.live.split(" ");
      const isCard = piece.dataset.live.startsWith("preset:");
      if (!topics.some((topic) => wanted.has(topic)) && !(wanted.has("*") && !isCard)) continue;
      // While it is being fetched, htmx would queue the next fetch on an element that is replaced, and lose it.
      if (inUse(piece) || piece.classList.contains("htmx-request")) topics.forEach((topic) => due.add(topic));
      else piece.dispatchEvent(new CustomEvent("live")); // htmx.trigger would wake the pieces around it too
    }
    if (due.size) dueTimer = setTimeout(fetchDue, 1000);
  }
  on("htmx:beforeSwap", (event) => {
    const { elt, xhr } = event.detail;
    if (!isLive(event.detail) || xhr.status !== 200 || !inUse(elt)) return;
    event.detail.shouldSwap = false;
    refresh(...elt.dataset.live.split(" "));
  });
  // What somebody has opened to read stays open: the new piece has the same summaries by their ids.
  let unfolded = [];
  on("htmx:beforeSwap", ({ detail }) => { unfolded = all("details[open] > summary[id]", detail.target).map((summary) => summary.id); });
  on("htmx:afterSwap", () => unfolded.splice(0).forEach((id) => document.getElementById(id)?.parentElement.setAttribute("open", "")));
  on("visibilitychange", () => { if (!document.hidden) fetchDue(); });

  // --- Progress in place --------------------------------------------------------------------------------------------

  const names = new Map(); // download id -> what people call it
  const latest = new Map(); // not yet drawn
  const announced = new Map();

  function later(message) {
    if (!latest.size) requestAnimationFrame(draw);
    latest.set(`${message.download_id} ${message.file}`, message);
  }

  function speedWords(message) {
    if (message.status === "retrying") {
      const wait = message.retry_in ? ` in ${duration(message.retry_in)}` : "";
      return `Retrying (${message.attempt}/${message.max_attempts})${wait}`;
    }
    if (message.status === "verifying") return "Verifying";
    return message.speed ? `${size(message.speed)}/s` : "";
  }

  function drawBar(bar, done, total) {
    if (!bar) return;
    if (total) { bar.max = total; bar.value = Math.min(done, total); } else bar.removeAttribute("value");
  }

  function drawInstall(box, message) {
    const field = (name) => one(`[data-field="${name}"]`, box);
    drawBar(field("bar"), message.downloaded, message.total);
    write(field("percent"), `${Math.floor(message.progress)} %`);
    write(field("done"), message.total ? `${size(message.downloaded)} of ${size(message.total)}` : size(message.downloaded));
    write(field("speed"), speedWords(message));
    write(field("why"), message.status === "retrying" ? message.error || "" : "");
    write(field("eta"), message.eta_seconds ? `${duration(message.eta_seconds)} left` : "");
    write(field("files"), `${message.files_completed} of ${message.files_total} files`);
    const file = one(`[data-file="${CSS.escape(message.file || "")}"]`, box);
    if (!file) return;
    const fileField = (name) => one(`[data-file-field="${name}"]`, file);
    drawBar(fileField("bar"), message.file_downloaded, message.file_total);
    write(fileField("done"), `${size(message.file_downloaded || 0)}${message.file_total ? ` of ${size(message.file_total)}` : ""}`);
    write(fileField("speed"), speedWords(message));
  }

  function draw() {
    for (const message of latest.values()) {
      all(`[data-download="${message.download_id}"]`).forEach((box) => drawInstall(box, message));
      title(message);
      announce(message);
    }
    latest.clear();
  }

  function title(message) {
    document.title = message ? `${Math.floor(message.progress)} % ${names.get(message.download_id) || message.preset_id} · ${pageTitle}` : pageTitle;
  }

  function announce(message) {
    const tenth = Math.floor(message.progress / 10);
    if (announced.get(message.download_id) === tenth) return;
    if (announced.has(message.download_id)) write(one("#announcer"), `${names.get(message.download_id) || message.preset_id}: ${tenth * 10} %`);
    announced.set(message.download_id, tenth);
  }

  // --- Toasts -------------------------------------------------------------------------------------------------------

  const drawings = { success: "check", warning: "alert", error: "cross-circle", info: "info" };

  function drawing(name) {
    const sprite = one("svg.icon use")?.getAttribute("href").split("#")[0] || "/static/comfydash/icons.svg";
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    use.setAttribute("href", `${sprite}#${name}`);
    svg.append(use);
    return svg;
  }

  function toast(level, sentence) {
    const box = document.createElement("div");
    const text = document.createElement("p");
    const close = document.createElement("button");
    box.className = `toast ${level}`;
    box.dataset.toast = "";
    box.setAttribute("role", level === "error" ? "alert" : "status");
    text.textContent = sentence;
    close.type = "button";
    close.className = "toast-close";
    close.dataset.close = "";
    close.setAttribute("aria-label", "Close this message");
    close.append(drawing("cross"));
    box.append(drawing(drawings[level]), text, close);
    one("#toasts").append(box);
  }

  function watchToast(box) {
    let timer = 0;
    const stay = box.matches(".error") ? 20000 : box.matches(".warning") || one("form", box) ? 12000 : 6000;
    const run = () => { clearTimeout(timer); timer = setTimeout(() => box.remove(), stay); };
    const hold = () => clearTimeout(timer);
    box.addEventListener("pointerenter", hold);
    box.addEventListener("pointerleave", run);
    box.addEventListener("focusin", hold);
    box.addEventListener("focusout", run);
    run();
  }

  function watchToasts() {
    const list = one("#toasts");
    if (!list) return;
    all("[data-toast]", list).forEach(watchToast);
    new MutationObserver((changes) => {
      for (const change of changes) {
        for (const node of change.addedNodes) if (node.nodeType === 1 && node.matches("[data-toast]")) watchToast(node);
      }
      all("[data-toast]", list).slice(0, -5).forEach((old) => old.remove());
    }).observe(list, { childList: true });
  }

  // --- The socket ----------------------------------------------------------------------------------------------------

  const socketPath = document.body.dataset.socket;
  // Seconds, as the page's data-silence and data-answer say; heartbeats come each 15 s.
  const silence = () => 1000 * Number(document.body.dataset.silence || 30);
  const answerTime = () => 1000 * Number(document.body.dataset.answer || 30);
  const SLOW_ANSWER = 5; // times as long, for what asks another host; uploads take what they take
  const TICK = 1000;
  let socket = null, failures = 0, silent = false, refused = false, reconnect = 0;
  let heardAt = Date.now(), truthAt = Date.now(), tickedAt = Date.now(), known, states, leaving = false;

  const hear = {
    snapshot: (message) => { queue(message, known === undefined ? one("[data-queue]")?.dataset.queue : known); worker(message.worker); missed(message.newest_activity); },
    heartbeat: (message) => { queue(message, known); worker(message.worker); },
    queue_updated: (message) => { queue(message); refresh("downloads"); },
    download_progress: later,
    download_complete: (message) => ended(message, "success", "is installed.", whereToSeeIt),
    download_failed: (message) => ended(message, "error", `failed. ${message.error || ""}`),
    download_waiting: (message) => ended(message, "warning", `waits for you. ${message.error || ""}`),
    activity: () => refresh("activity"),
    presets_refreshed: (message) => { refresh("presets"); toast("info", `The catalogue is up to date: ${message.total_presets} models, version ${message.version}.`); },
  };

  // What was logged after the page was made and before its socket stood was told to nobody here.
  function missed(newest) {
    if (all("[data-newest]").some((piece) => Number(piece.dataset.newest) < newest)) refresh("activity");
  }

  function queue(message, expected) {
    const changed = known !== message.revision;
    if (expected !== undefined && expected !== message.revision) refresh("*");
    known = message.revision;
    if (!message.items) return;
    const fresh = new Map(message.queue.map((id) => [id, "queued"]));
    message.items.forEach((item) => fresh.set(item.preset_id, item.status));
    const active = Object.values(message.counts).reduce((sum, count) => sum + count, 0);
    if (states && changed && fresh.size < active) refresh("presets"); // whose cards changed is not in the message
    message.items.forEach((item) => names.set(item.id, item.title));
    if (states) for (const id of new Set([...fresh.keys(), ...states.keys()])) {
      if (fresh.get(id) !== states.get(id)) refresh(`preset:${id}`);
    }
    states = fresh;
    // The end of an install may be told after the queue without it: its name is kept for a while.
    const gone = [...names.keys()].filter((id) => !message.items.some((item) => item.id === id));
    gone.forEach((id) => announced.delete(id));
    gone.slice(0, -50).forEach((id) => names.delete(id));
    const running = message.items.find((item) => item.status === "downloading");
    title(running && { download_id: running.id, preset_id: running.preset_id, progress: running.progress });
  }

  async function ended(message, level, words, hint) {
    const name = names.get(message.download_id) || message.preset_id;
    title();
    refresh("downloads", "disk", `preset:${message.preset_id}`);
    toast(level, `${name} ${words}${hint ? await hint() : ""}`);
  }

  async function whereToSeeIt() {
    try {
      const comfyui = await (await fetch("/api/comfyui/status", { signal: AbortSignal.timeout(answerTime()) })).json();
      return comfyui.state === "up" ? " Press R in open tabs of ComfyUI to see it there." : "";
    } catch { // the next event will tell what is the matter
      return "";
    }
  }

  function worker(state) {
    if (state && !state.alive) banner(`The download worker does not answer${state.seen_at ? ` since ${ago(Date.parse(state.seen_at))}` : ""}. It is started again by itself; nothing is lost.`);
    else banner("");
  }

  function banner(sentence, link) {
    const box = one("#connection");
    if (!box) return;
    box.hidden = !sentence;
    write(box, sentence);
    if (link && sentence) {
      const anchor = document.createElement("a");
      anchor.href = link;
      anchor.textContent = "Log in again";
      box.append(anchor);
    }
  }

  function connect() {
    clearTimeout(reconnect);
    if (leaving || refused) return;
    const fresh = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${socketPath}`);
    socket = fresh;
    heardAt = Date.now(); // one that never opens is given as long as one that falls silent
    fresh.onmessage = (event) => {
      heardAt = truthAt = Date.now();
      if (failures || silent) {
        failures = 0;
        silent = false;
        document.body.classList.remove("stale");
        banner("");
        refresh("*");
      }
      const message = JSON.parse(event.data);
      hear[message.type]?.(message);
    };
    fresh.onclose = lost;
  }

  // A hung server answers no closing handshake, and a dead link tells nothing: the old socket is left to itself.
  function abandon() {
    const old = socket;
    silent = true;
    old.onmessage = old.onclose = null;
    old.close();
    lost({});
  }

  function lost(event) {
    socket = null;
    if (leaving) return;
    if (event.code === 4401) {
      refused = true;
      document.body.classList.add("stale"); // nothing moves these figures any more
      title();
      banner("You have been logged out.", location.pathname);
      return;
    }
    failures += 1;
    clearTimeout(reconnect);
    reconnect = setTimeout(connect, Math.min(30000, 500 * 2 ** Math.min(failures, 6)) * (0.7 + 0.6 * Math.random()));
    if (failures < 2 && !silent) return;
    sayHowOld();
    refresh("*"); // where only sockets are blocked, the pieces still tell the truth
  }

  function sayHowOld() {
    if (refused || (failures < 2 && !silent)) return;
    document.body.classList.add("stale");
    title();
    banner(`No live connection. What you see is ${duration((Date.now() - truthAt) / 1000)} old. Trying again…`);
  }

  // Timers that were late (a laptop asleep, a tab in the background) say nothing about the server: what it has sent
  // meanwhile, or its next heartbeat, gets the time to arrive.
  function allowTime() {
    heardAt = Math.max(heardAt, Date.now() - silence() / 3);
  }

  function watchSocket() {
    const now = Date.now();
    if (now < tickedAt) heardAt = truthAt = now; // the clock was set back: without this it would wait for hours
    if (now - tickedAt > 5 * TICK) allowTime();
    tickedAt = now;
    if (socket && !document.hidden && now - heardAt > silence()) abandon();
  }

  on("htmx:afterSwap", (event) => { if (event.target.closest?.("[data-live]")) truthAt = Date.now(); });
  addEventListener("pagehide", () => { leaving = true; if (socket?.readyState === WebSocket.OPEN) socket.close(); });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  on("visibilitychange", allowTime);
  addEventListener("online", () => { if (!socket) connect(); });
  setInterval(() => {
    all("time[data-ago]").forEach((time) => write(time, ago(Date.parse(time.dateTime))));
    sayHowOld();
  }, 5000);
  if (socketPath) setInterval(watchSocket, TICK);

  // --- Actions: forms that post into the toasts; the answer says X-Acted, and perhaps which dialog comes next ----------

  on("htmx:afterRequest", ({ detail }) => {
    if (!detail.xhr?.getResponseHeader("X-Acted")) return;
    const form = detail.elt;
    const card = form.closest("[data-live^='preset:']");
    if (form.matches("[data-selection]")) clearSelection();
    form.closest("dialog")?.close();
    form.closest("[data-toast]")?.remove();
    form.closest("details.menu")?.removeAttribute("open");
    refresh("downloads", "activity", "disk", ...(form.dataset.refresh?.split(" ") || []), ...(card ? [card.dataset.live] : []));
    const dialog = detail.xhr.getResponseHeader("X-Dialog");
    if (dialog) openDialog(dialog);
  });
  on("htmx:configRequest", ({ detail }) => { // what is not chosen does not stand in the address
    const cards = detail.triggeringEvent?.type === "live" ? all("article", detail.elt).length : 0;
    if (cards) detail.headers["X-Shown"] = cards; // a list that was scrolled comes back as long as it is
    const form = detail.elt.closest("form");
    const uploads = [...detail.formData.values()].some((value) => value instanceof File && value.size);
    detail.timeout = uploads ? 0 : answerTime() * (form?.dataset.slow === undefined ? 1 : SLOW_ANSWER);
    if (detail.verb === "get") for (const [name, value] of Object.entries(detail.parameters)) if (!value) delete detail.parameters[name];
  });
  on("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    const why = event.detail.xhr.getResponseHeader("X-Sentence");
    toast("error", why || (status === 404 ? "This is not there any more. Reload the page to see what is." : `The dashboard answered ${status}. Its log says why; try again.`));
  });
  const noAnswer = "The dashboard does not answer. Wait a moment, then look whether it was done before you try again; if this stays, look whether ComfyDash still runs.";
  on("htmx:sendError", ({ detail }) => { if (!isLive(detail)) toast("error", "The dashboard does not answer. Is it still running?"); });
  on("htmx:timeout", ({ detail }) => { if (!isLive(detail)) toast("error", noAnswer); });
  // A form that htmx does not send leads to another page; when that does not come, this one is still here to say so.
  on("submit", (event) => setTimeout(() => {
    if (!event.defaultPrevented && event.target.method !== "dialog" && !one("input[type=file]", event.target)) setTimeout(() => { if (!leaving) toast("error", noAnswer); }, answerTime());
  }));

  // --- Dialogs, menus, small things ---------------------------------------------------------------------------------------

  let openedFrom = null;
  // Whatever htmx puts into <dialog id="dialog"> opens it.
  const openDialog = (path) => htmx.ajax("GET", path, { target: "#dialog", swap: "innerHTML" });
  on("htmx:afterSwap", (event) => {
    const dialog = event.target;
    if (dialog.id !== "dialog") return;
    dialog.classList.toggle("drawer", Boolean(one("#queue-panel", dialog)));
    dialog.setAttribute("aria-labelledby", "dialog-title");
    if (!dialog.open) {
      openedFrom = document.activeElement;
      dialog.showModal();
    }
    (one("[autofocus]", dialog) || one("#dialog-title", dialog))?.focus();
  });

  async function copy(button) {
    const text = button.dataset.copy.startsWith("/") ? location.origin + button.dataset.copy : button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
      toast("success", "Copied.");
    } catch { // plain http on a LAN address has no clipboard
      prompt("Copy this:", text);
    }
  }

  on("click", (event) => {
    const target = event.target;
    const link = target.closest("a[data-dialog]");
    if (link && window.htmx && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      link.closest("details.menu")?.removeAttribute("open");
      openDialog(link.href);
    }
    const opener = target.closest("[data-open]");
    if (opener) document.getElementById(opener.dataset.open)?.showModal();
    if (target.closest("[data-close]")) (target.closest("[data-toast]") || { remove: () => target.closest("dialog")?.close() }).remove();
    if (target.matches("dialog[open]")) target.close(); // the backdrop
    const copier = target.closest("[data-copy]");
    if (copier) copy(copier);
    all("details.menu[open]").forEach((menu) => { if (!menu.contains(target)) menu.open = false; });
  });
  one("#dialog")?.addEventListener("close", (event) => {
    event.target.replaceChildren();
    if (document.activeElement !== document.body || !openedFrom) return;
    // The piece it was opened from has been fetched anew: to the same button there, or to the start of the content.
    const again = openedFrom.id ? document.getElementById(openedFrom.id) : one(`main a[href="${CSS.escape(openedFrom.getAttribute("href") || "")}"]`);
    (again || one("main")).focus();
  });

  // --- Keyboard ------------------------------------------------------------------------------------------------------------

  let afterG = 0;
  on("keydown", (event) => {
    const key = event.key;
    const row = event.target.closest?.("[data-movable]");
    if (row && event.altKey && (key === "ArrowUp" || key === "ArrowDown")) {
      event.preventDefault();
      one(`[data-move="${key === "ArrowUp" ? "up" : "down"}"]`, row)?.click();
      return;
    }
    if (key === "Escape") {
      const menu = one("details.menu[open]");
      if (menu) { menu.open = false; one("summary", menu).focus(); }
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches?.("input, select, textarea") || one("dialog[open]")) return;
    if (Date.now() - afterG < 1500) {
      afterG = 0;
      const place = one(`.nav a[data-key="${CSS.escape(key)}"]`);
      if (place) { event.preventDefault(); location.assign(place.href); }
    } else if (key === "g") afterG = Date.now();
    else if (key === "/") {
      event.preventDefault();
      const field = one("[data-search]");
      if (field) { field.focus(); field.select(); } else location.assign("/models/?focus=search");
    } else if (key === "?") one("#keys").showModal();
    else if (key === "q") one("[data-queue-link]")?.click();
  });

  // --- Selection of several, and dragging in the queue ------------------------------------------------------------------------

  const ticked = new Set(); // ids; a card that is fetched anew keeps its tick

  function countSelection() {
    const form = one("[data-selection]");
    if (!form) return;
    const boxes = all("[data-bytes]");
    boxes.forEach((box) => { box.checked = ticked.has(box.value); });
    const chosen = boxes.filter((box) => box.checked);
    form.hidden = !chosen.length;
    const sum = (name) => size(chosen.reduce((bytes, box) => bytes + Number(box.dataset[name] || 0), 0));
    write(one("[data-chosen]", form), `${chosen.length} selected`);
    const fetches = chosen.some((box) => box.dataset.missing !== undefined);
    write(one("[data-chosen-bytes]", form), fetches ? `${sum("missing")} to fetch, ${sum("bytes")} in all` : `frees ${sum("bytes")}`);
  }
  function clearSelection() {
    ticked.clear();
    countSelection();
  }
  on("change", ({ target }) => {
    if (!target.matches("[data-bytes]")) return;
    ticked[target.checked ? "add" : "delete"](target.value);
    countSelection();
  });
  on("htmx:afterSettle", countSelection);
  on("click", (event) => { if (event.target.closest("[data-clear-selection]")) clearSelection(); });

  let dragged = null;
  on("dragstart", (event) => {
    dragged = event.target.closest?.("[data-place]") || null;
    dragged?.classList.add("dragged");
  });
  on("dragover", (event) => {
    const over = dragged && event.target.closest?.("[data-place]");
    if (!over || over === dragged) return;
    event.preventDefault();
    const box = over.getBoundingClientRect();
    over[event.clientY < box.top + box.height / 2 ? "before" : "after"](dragged);
  });
  on("drop", (event) => { if (dragged) event.preventDefault(); });
  on("dragend", () => {
    if (!dragged) return;
    dragged.classList.remove("dragged");
    const position = all("[data-place]", dragged.parentElement).indexOf(dragged);
    htmx.ajax("POST", dragged.dataset.place, { source: dragged, swap: "none", values: { position } });
    dragged = null;
  });

  if (innerWidth < 720) all("details[data-fold]:not([data-keep])").forEach((fold) => { fold.open = false; });
  watchToasts();
  all("[data-bytes]:checked").forEach((box) => ticked.add(box.value)); // what the browser kept over a reload
  countSelection();
  if (new URLSearchParams(location.search).get("focus") === "search") one("[data-search]")?.focus();
  if (socketPath) connect();
})();

// The live connection: opens the socket, hears when it falls silent, opens it again, and says how old the page is.
// Messages go to messages.js in the order in which they come; heartbeats come each 15 s.

import { banner } from "./banner.js";
import { on } from "./dom.js";
import { handle } from "./messages.js";
import { isLeaving, silence, socketPath } from "./page.js";
import { showInTitle } from "./progress.js";
import { refresh } from "./refresh.js";
import { duration } from "./sizes.js";

const LOGGED_OUT = 4401; // the close code of downloads/consumers.py
const LONGEST_WAIT = 30000;
const TICK = 1000;
const SAY_AGE_EVERY = 5000;

let socket = null;
let failures = 0; // in a row
let isSilent = false;
let isLoggedOut = false;
let reconnectTimer = 0;
let heardAt = Date.now(); // when the socket said something
let truthAt = Date.now(); // when the page last was as the server had it
let tickedAt = Date.now();

const isLost = () => isSilent || failures > 1; // one failure alone is a restart or a change of network

function connect() {
  clearTimeout(reconnectTimer);
  if (isLeaving() || isLoggedOut) return;
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${socketPath}`);
  heardAt = Date.now(); // one that never opens is given as long as one that falls silent
  socket.onmessage = hear;
  socket.onclose = closed;
}

function hear(event) {
  heardAt = truthAt = Date.now();
  if (failures || isSilent) backAgain();
  handle(JSON.parse(event.data));
}

function backAgain() {
  failures = 0;
  isSilent = false;
  document.body.classList.remove("stale");
  banner("");
  refresh("*");
}

function closed(event) {
  socket = null;
  if (isLeaving()) return;
  if (event.code === LOGGED_OUT) {
    loggedOut();
    return;
  }
  failures += 1;
  clearTimeout(reconnectTimer);
  reconnectTimer = setTimeout(connect, waitBeforeNext());
  if (!isLost()) return;
  sayHowOld();
  refresh("*"); // where only sockets are blocked, the pieces still tell the truth
}

/** Longer with each failure, and never the same for all open pages. */
const waitBeforeNext = () => Math.min(LONGEST_WAIT, 500 * 2 ** Math.min(failures, 6)) * (0.7 + 0.6 * Math.random());

function loggedOut() {
  isLoggedOut = true;
  document.body.classList.add("stale"); // nothing moves these figures any more
  showInTitle();
  banner("You have been logged out.", location.pathname);
}

function sayHowOld() {
  if (isLoggedOut || !isLost()) return;
  document.body.classList.add("stale");
  showInTitle();
  banner(`No live connection. What you see is ${duration((Date.now() - truthAt) / 1000)} old. Trying again…`);
}

function watchSilence() {
  const now = Date.now();
  if (now < tickedAt) heardAt = truthAt = now; // the clock was set back: without this it would wait for hours
  if (now - tickedAt > 5 * TICK) allowTime();
  tickedAt = now;
  if (socket && !document.hidden && now - heardAt > silence()) abandon();
}

// Timers that were late (a laptop asleep, a tab in the background) say nothing about the server: what it has sent
// meanwhile, or its next heartbeat, gets the time to arrive.
function allowTime() {
  heardAt = Math.max(heardAt, Date.now() - silence() / 3);
}

// A hung server answers no closing handshake, and a dead link tells nothing: the old socket is left to itself.
function abandon() {
  isSilent = true;
  socket.onmessage = socket.onclose = null;
  socket.close();
  closed({});
}

export function startLive() {
  if (!socketPath) return; // nobody is logged in
  on("htmx:afterSwap", (event) => { if (event.target.closest?.("[data-live]")) truthAt = Date.now(); });
  on("visibilitychange", allowTime);
  addEventListener("pagehide", () => { if (socket?.readyState === WebSocket.OPEN) socket.close(); });
  addEventListener("online", () => { if (!socket) connect(); });
  setInterval(watchSilence, TICK);
  setInterval(sayHowOld, SAY_AGE_EVERY);
  connect();
}

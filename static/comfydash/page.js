// What holds for the whole page: what base.html says on <body>, and whether the page is being left.
// Times are in milliseconds; heartbeats come each 15 s.

export const socketPath = document.body.dataset.socket;
export const silence = () => 1000 * Number(document.body.dataset.silence || 30);
export const answerTime = () => 1000 * Number(document.body.dataset.answer || 30);

let leaving = false;
export const isLeaving = () => leaving;

export function watchLeaving() {
  addEventListener("pagehide", () => { leaving = true; });
  // A page that comes back out of the browser's memory has no socket and old figures.
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}

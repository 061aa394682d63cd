// The line below the bar that says what is wrong with the connection or the worker.
// An empty sentence takes it away.

import { first, write } from "./dom.js";

export function banner(sentence, loginPath) {
  const box = first("#connection");
  if (!box) return;
  box.hidden = !sentence;
  write(box, sentence);
  if (!loginPath) return;
  const link = document.createElement("a");
  link.href = loginPath;
  link.textContent = "Log in again";
  box.append(link);
}

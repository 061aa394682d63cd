// Selecting several cards or files: what is ticked, how many and how large, in the bar with the actions for all.
// A tick is kept by its value, so that it is still there when its card has been fetched anew.

import { all, first, on, write } from "./dom.js";
import { size } from "./sizes.js";

const ticked = new Set();

export function clearSelection() {
  ticked.clear();
  showSelection();
}

function showSelection() {
  const bar = first("[data-selection]");
  if (!bar) return;
  const boxes = all("[data-bytes]");
  boxes.forEach((box) => { box.checked = ticked.has(box.value); });
  const chosen = boxes.filter((box) => box.checked);
  bar.hidden = !chosen.length;
  write(first("[data-chosen]", bar), `${chosen.length} selected`);
  write(first("[data-chosen-bytes]", bar), sizesOf(chosen));
}

function sizesOf(chosen) {
  const isToInstall = chosen.some((box) => box.dataset.missing !== undefined);
  if (!isToInstall) return `frees ${size(bytesFreed(chosen))}`;
  const [missing, bytes] = bytesToFetch(chosen).map(size);
  return missing === bytes ? `${bytes} to fetch` : `${missing} to fetch, ${bytes} in all`;
}

// What is missing and what there is in all. A file that several of them need counts once: data-files has KEY:SIZE:MISSING.
function bytesToFetch(chosen) {
  const counted = new Set();
  let missing = 0;
  let bytes = 0;
  for (const { dataset } of chosen) {
    missing += Number(dataset.missing);
    bytes += Number(dataset.bytes);
    for (const file of dataset.files.split(" ").filter(Boolean)) {
      const [key, fileBytes, fileMissing] = file.split(":");
      if (counted.has(key)) {
        missing -= Number(fileMissing);
        bytes -= Number(fileBytes);
      }
      counted.add(key);
    }
  }
  return [missing, bytes];
}

// As downloads/inventory/real_bytes.py: a file with several names is free when the last of them goes.
function bytesFreed(chosen) {
  const namesLeft = new Map();
  return chosen.reduce((bytes, { dataset }) => {
    if (!Number(dataset.bytes)) return bytes; // a link
    const left = (namesLeft.get(dataset.sameFile) ?? Number(dataset.names)) - 1;
    namesLeft.set(dataset.sameFile, left);
    return left ? bytes : bytes + Number(dataset.bytes);
  }, 0);
}

function changed({ target }) {
  if (!target.matches("[data-bytes]")) return;
  if (target.checked) ticked.add(target.value);
  else ticked.delete(target.value);
  showSelection();
}

export function watchSelection() {
  on("change", changed);
  on("htmx:afterSettle", showSelection);
  on("click", (event) => { if (event.target.closest("[data-clear-selection]")) clearSelection(); });
  all("[data-bytes]:checked").forEach((box) => ticked.add(box.value)); // what the browser kept over a reload
  showSelection();
}

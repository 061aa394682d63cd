// Bytes, durations and times as people write them.
// The same words as values/sizes.py and comfydash/templatetags/dash.py: what is written here replaces what they wrote.

import { all, write } from "./dom.js";

const AGO_EVERY = 5000;

export function size(bytes) {
  let value = bytes;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (value < 999.5) return `${unit === "B" || value >= 99.95 ? value.toFixed(0) : value.toFixed(1)} ${unit}`;
    value /= 1000;
  }
  return `${value.toFixed(1)} TB`;
}

/** Thousands apart: 1,000. */
export const grouped = (number) => number.toLocaleString("en-US");

export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (whole < 600) return `${minutes} min ${whole % 60} s`;
  return whole < 3600 ? `${minutes} min` : `${Math.floor(whole / 3600)} h ${minutes % 60} min`;
}

/** How long ago a moment (milliseconds since 1970) was. */
export function ago(moment) {
  const seconds = (Date.now() - moment) / 1000;
  if (seconds < 45) return "just now";
  if (seconds < 2700) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 79200) return `${Math.max(1, Math.round(seconds / 3600))} h ago`;
  if (seconds < 86400 * 26) return `${Math.max(1, Math.round(seconds / 86400))} d ago`;
  return new Date(moment).toISOString().slice(0, 10);
}

export function keepTimesTrue() {
  setInterval(() => {
    for (const time of all("time[data-ago]")) write(time, ago(Date.parse(time.dateTime)));
  }, AGO_EVERY);
}

// The last hour of every backend as a small picture for the list. One question a minute brings all of them.

import { ask } from "./connection.js";
import { svg } from "./dom.js";
import { count, measured } from "./words.js";

const ASK_EVERY_MS = 60_000;
/** The picture is made for so many pixels, and takes what it gets. */
const WIDTH = 180;
const HEIGHT = 22;
const RANGES = [15, 30, 60];

let briefs = null;
let asked = 0;

/** Asks if it is time to; calls `then` when there is something new. */
export async function refresh(then) {
  if (Date.now() - asked < ASK_EVERY_MS) return;
  asked = Date.now();
  try {
    briefs = await ask("/api/v1/curves");
  } catch {
    briefs = null;
  }
  then();
}

/** Ask again at once: the daemon is another one. */
export function forget() {
  asked = 0;
}

/** A bar for each minute, the highest value of it, with a line at the goal; `null`: nothing was judged. */
export function spark(backend) {
  const brief = briefs?.backends[backend];
  const values = brief?.level.filter((it) => it !== null) ?? [];
  if (values.length === 0) return null;
  const { level, threshold, unit } = brief;
  const goal = threshold ?? 0;
  const highest = Math.max(goal * 1.25, ...values);
  const range = RANGES.find((it) => it >= level.length) ?? level.length;
  const step = WIDTH / range;
  const y = (value) => HEIGHT - Math.max((value / highest) * HEIGHT, 1);
  const bars = (isDrawn) => level.map((value, index) => {
    if (value === null || !isDrawn(value)) return "";
    const x = WIDTH - (level.length - index - 0.5) * step;
    return `M${x.toFixed(1)} ${HEIGHT}V${y(value).toFixed(1)}`;
  }).join("");
  const isAbove = (value) => threshold !== null && value > threshold;
  const above = values.filter(isAbove).length;
  const most = `Last ${range === 60 ? "hour" : `${range} minutes`}: highest ${measured(Math.max(...values), unit)}`;
  const words = threshold === null ? most
    : `${most}, above the goal of ${measured(threshold, unit)} in ${above} of ${count(values.length, "minute")}`;
  return svg("svg", {
    class: "spark", role: "img", "aria-label": words, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none",
  },
  svg("title", {}, words),
  svg("path", { class: "good", d: bars((it) => !isAbove(it)), "stroke-width": (step * 0.75).toFixed(1) }),
  svg("path", { class: "warn", d: bars(isAbove), "stroke-width": (step * 0.75).toFixed(1) }),
  threshold === null ? null
    : svg("line", { class: "goal", x1: "0", x2: String(WIDTH), y1: y(goal).toFixed(1), y2: y(goal).toFixed(1) }));
}

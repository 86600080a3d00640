// The last day of a backend in sums: what was changed, what users met, what it cost and saved.

import { at, el, show, svg } from "./dom.js";
import { ask } from "./connection.js";
import { count, grouped, percent, span } from "./words.js";

const ASK_EVERY_MS = 60_000;

let report = null;
let asked = 0;

/** Asks if it is time to; calls `then` when there is something new. */
export async function refresh(then) {
  if (Date.now() - asked < ASK_EVERY_MS) return;
  asked = Date.now();
  try {
    report = await ask("/api/v1/report");
  } catch {
    report = null;
  }
  then();
}

/** Ask again at once: the daemon is another one. */
export function forget() {
  asked = 0;
}

/** Of a backend that was observed and acted on, what belongs to `isObserving`. */
export function showToday(backend, isObserving) {
  const all = report?.backends.filter((it) => it.name === backend) ?? [];
  const sums = all.find((it) => it.pretended === isObserving) ?? all[0];
  show(at("today"), el("h2", { id: "today-title" }, "Last 24 hours"), sums ? facts(sums) : nothing());
}

function nothing() {
  const text = report ? "Nothing is known of it yet: sums are made every five minutes."
    : "No sums: events are kept nowhere, or the daemon has just begun.";
  return el("p", { class: "faint" }, text);
}

function facts(sums) {
  const used = sums.server_seconds;
  const all = used + sums.saved_server_seconds;
  const share = all > 0 ? sums.saved_server_seconds / all : 0;
  const changes = sums.enables + sums.disables;
  return [
    sums.pretended ? el("p", { class: "faint" }, "Observing: what would have been.") : null,
    el("dl", { class: "sums" },
      el("dt", {}, "Changes"),
      el("dd", {}, changes === 0 ? "none" : `${sums.enables} enabled, ${sums.disables} put away`,
        sums.failures > 0 ? `, ${sums.failures} failed` : null),
      el("dt", {}, "Saved"),
      el("dd", {}, el("strong", {}, hours(sums.saved_server_seconds, all)), ` of ${hours(all, all)} ${unitOf(all)} (${percent(share)})`,
        svg("svg", { class: "bar", "aria-hidden": "true", width: "100%", height: "8" },
          svg("rect", { class: "track", width: "100%", height: "8", rx: "4" }),
          svg("rect", { class: "good", width: `${(share * 100).toFixed(1)}%`, height: "8", rx: "4" }))),
      sums.machine_seconds === undefined ? null : [
        el("dt", {}, "Machines"),
        el("dd", {}, `${hours(sums.machine_seconds, sums.machine_seconds)} ${unitOf(sums.machine_seconds).replace("server", "machine")}`,
          `, ${count(sums.machine_starts, "start")}`, sums.machine_failures > 0 ? `, ${sums.machine_failures} failed` : null)],
      el("dt", {}, "Requests"),
      el("dd", {}, grouped(sums.requests), sums.requests > 0
        ? `, ${(sums.slow_share * 100).toFixed(2)}\u00a0% slow or failed` : null),
      el("dt", {}, "Too slow"),
      el("dd", {}, `${span(sums.above_goal_seconds * 1000)} above the goal`)),
    el("p", { class: "faint" }, "Saved: beside all servers serving all the time."),
  ];
}

/** In the unit of `all`. */
function hours(seconds, all) {
  return (seconds / (all < 3600 ? 60 : 3600)).toFixed(1);
}

function unitOf(all) {
  return all < 3600 ? "server-minutes" : "server-hours";
}

// What happened: the list of events, live, and what other parts of the page need to know of them.

import { at, el, sentence, show } from "./dom.js";
import { bareText, clock, effectOf as effectIn, evidence, moment, placeOf } from "./words.js";

/** Events in memory, and shown. */
const KEPT_MAX = 600;
const SHOWN_MAX = 120;
/** For `events --all` alone. */
const MINOR = new Set(["reason", "usage"]);
/** Servers that came or went, and what somebody did. */
const CHANGES = new Set([
  "warm_up", "enable", "enable_failed", "drain", "disable", "effect", "hold", "operator", "order", "reload", "started",
  "config_applied", "machine_start", "machine_started", "machine_failed", "machine_stop", "machine_stopped",
]);

let events = [];
let which = "all";
let filter = "";

/** One more; those that come twice are one. A number that is lower again is of another daemon, which remembers nothing
 *  of the one before it: what that one told is let go, for its numbers are given again. */
export function take(event) {
  if (MINOR.has(event.code)) return;
  if (events.length > 0 && event.id <= events.at(-1).id) {
    if (events.some((it) => it.id === event.id && it.at === event.at)) return;
    events = [];
  }
  events.push(event);
  if (events.length > KEPT_MAX) events = events.slice(-KEPT_MAX);
}

/** The last time that this server came or went. */
export function lastChangeOf(backend, server) {
  return events.findLast((it) => it.backend === backend && it.server === server
    && (it.code === "enable" || it.code === "disable"));
}

/** The last time that a server of it came or went. */
export function lastChangeIn(backend) {
  return events.findLast((it) => it.backend === backend && (it.code === "enable" || it.code === "disable"));
}

/** Since when it is as it is, as far as that was told; `null`: it was not. */
export function sinceOf(backend) {
  const last = events.findLast((it) => it.backend === backend.name && ["breach", "breach_over"].includes(it.code));
  if (backend.state === "ok") return last?.code === "breach_over" ? last.at : null;
  const isSlow = ["slow", "short", "not_helping"].includes(backend.state);
  if (isSlow && last?.code === "breach") return last.at;
  return backend.problems?.[0]?.since ?? null;
}

/** Whether that server came or went after that. */
export function isUndone(change) {
  return events.some((it) => it.id > change.id && it.backend === change.backend && it.server === change.server
    && ["enable", "disable"].includes(it.code));
}

/** What led to that change. */
export function evidenceOf(change) {
  return evidence(change, events);
}

/** What that change did, once it is known. */
export function effectOf(change) {
  return effectIn(change, events);
}

export function choose(kind) {
  which = kind;
  for (const button of document.querySelectorAll('[data-do="events"]')) {
    button.setAttribute("aria-pressed", String(button.dataset.which === kind));
  }
  showEvents();
}

export function setFilter(text) {
  filter = text.trim().toLowerCase();
  showEvents();
}

function isShown(event) {
  if (which === "changes" && !CHANGES.has(event.code)) return false;
  if (which === "problems" && event.level === "info") return false;
  return filter === "" || `${event.code} ${placeOf(event)} ${event.text}`.toLowerCase().includes(filter);
}

export function toneOf(event) {
  if (event.level !== "info") return "bad";
  if (event.code === "breach") return "warn";
  return CHANGES.has(event.code) ? "move" : "idle";
}

export function showEvents() {
  const shown = events.filter(isShown).slice(-SHOWN_MAX).reverse();
  const nothing = events.length === 0 ? "Nothing happened yet." : "No such events.";
  show(at("events"),
    shown.length === 0 ? el("li", { class: "faint" }, nothing) : null,
    shown.map((event) => el("li", { "data-key": String(event.id) },
      el("time", { datetime: event.at, title: moment(event.at) }, clock(event.at)),
      el("span", { class: `code ${toneOf(event)}` }, event.code.replaceAll("_", " ")),
      el("span", { class: "text" }, placeOf(event) ? el("strong", {}, `${placeOf(event)} `) : null, sentence(bareText(event))))));
}

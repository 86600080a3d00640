// Numbers, moments and states in words. The daemon's own sentences are shown as they come.

/** What the daemon's clock is ahead of ours, milliseconds. */
let aheadMs = 0;

export function setClock(at) {
  const theirs = Date.parse(at);
  if (Number.isFinite(theirs)) aheadMs = theirs - Date.now();
}

/** Now, by the daemon's clock. */
export function now() {
  return Date.now() + aheadMs;
}

export function ms(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 10000) return `${(value / 1000).toFixed(1)} s`;
  return `${value < 9.95 ? round(value, 1) : Math.round(value)} ms`;
}

/** The same, short enough for an axis. */
export function axis(value, unit) {
  if (unit === "ms" && value >= 1000) return `${round(value / 1000, 1)} s`;
  return measured(value, unit);
}

export function perSecond(value) {
  return value === null || value === undefined ? "–" : `${rate(value)}/s`;
}

export function rate(value) {
  return value < 9.95 ? String(round(value, 1)) : String(Math.round(value));
}

export function percent(share) {
  if (share === null || share === undefined) return "–";
  return `${share > 0 && share < 0.01 ? "<1" : Math.round(share * 100)}\u00a0%`;
}

function round(value, digits) {
  return Number(value.toFixed(digits));
}

/** A value of what a policy compares, with its unit. */
export function measured(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit === "ms") return ms(value);
  return unit === "per_s" ? perSecond(value) : rate(value);
}

/** A span as the daemon writes it: `840ms`, `6s`, `3m 10s`, `2h 48m`, `3d 4h`. */
export function span(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 ? `${minutes}m ${seconds % 60}s` : `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours}h ${minutes % 60}m` : `${hours}h`;
  return hours % 24 ? `${Math.floor(hours / 24)}d ${hours % 24}h` : `${hours / 24}d`;
}

/** How long ago that was. */
export function ago(at) {
  return `${span(now() - Date.parse(at))} ago`;
}

const two = (number) => String(number).padStart(2, "0");

/** `14:03`, of this computer's zone. */
export function minute(at) {
  const date = new Date(at);
  return `${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** `14:03:40`. */
export function clock(at) {
  return `${minute(at)}:${two(new Date(at).getSeconds())}`;
}

/** The same, with the day where it is another one. */
export function moment(at) {
  const date = new Date(at);
  const isToday = date.toDateString() === new Date(now()).toDateString();
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return isToday ? clock(at) : `${day} ${clock(at)}`;
}

export function count(number, one, many = `${one}s`) {
  return `${grouped(number)} ${number === 1 ? one : many}`;
}

/** `9,463`. */
export function grouped(number) {
  return number.toLocaleString("en");
}

/** What is judged, and its goal: `mean 201 ms, goal 200 ms`. */
export function againstGoal(measure) {
  const value = measure.value === null ? "no traffic" : `${measure.statistic} ${measured(measure.value, measure.unit)}`;
  return `${value}, goal ${measured(measure.threshold, measure.unit)}`;
}

/** The place of an event: `web/web2`, `web`, or nothing. */
export function placeOf(event) {
  if (!event.backend) return "";
  return event.server ? `${event.backend}/${event.server}` : event.backend;
}

/** Its sentence without the code and the place that it begins with, where they stand beside it. */
export function bareText(event) {
  const colon = event.text.indexOf(": ");
  const head = event.text.slice(0, Math.max(colon, 0)).split(" ");
  const isHead = head.length <= 2 && [placeOf(event), event.code].includes(head.at(-1));
  return colon > 0 && isHead ? event.text.slice(colon + 2) : event.text;
}

/** What led to it. A server that went was drained first, and that says why. */
export function evidence(event, events) {
  const drain = event.code === "disable"
    ? events.findLast((it) => it.id < event.id && it.code === "drain" && it.server === event.server
      && it.backend === event.backend) : null;
  return drain ? `${bareText(drain)}; ${bareText(event)}` : bareText(event);
}

/** What a server's coming or going did, once it is known: told before it comes or goes again. */
export function effectOf(change, events) {
  if (!["enable", "disable"].includes(change.code)) return null;
  const next = events.find((it) => it.id > change.id && it.server === change.server && it.backend === change.backend
    && ["effect", "enable", "disable"].includes(it.code));
  return next?.code === "effect" ? next : null;
}

/** How a backend is: a word, a shape, and how much it matters, from 0. */
export const STATES = {
  ok: { word: "OK", shape: "●", tone: "good", rank: 5 },
  slow: { word: "SLOW", shape: "▲", tone: "warn", rank: 1 },
  not_helping: { word: "NOT HELPING", shape: "▲", tone: "bad", rank: 0 },
  broken: { word: "BROKEN", shape: "▲", tone: "bad", rank: 0 },
  short: { word: "SHORT", shape: "▲", tone: "bad", rank: 0 },
  blind: { word: "BLIND", shape: "▲", tone: "bad", rank: 0 },
  unreachable: { word: "UNREACHABLE", shape: "▲", tone: "bad", rank: 0 },
  unknown: { word: "UNKNOWN", shape: "○", tone: "idle", rank: 2 },
};

export function stateOf(backend) {
  const state = STATES[backend.state] ?? { word: backend.state, shape: "○", tone: "idle", rank: 2 };
  // Only times make it slow.
  const isLevel = backend.measure && backend.measure.unit !== "ms";
  return backend.state === "slow" && isLevel ? { ...state, word: "BUSY" } : state;
}

/** What a server's machine does, in two lines. */
export function machineOf(machine) {
  const boot = machine.boot_s ? `, the last took ${span(machine.boot_s * 1000)}` : "";
  return {
    state: machine.since ? `${machine.state} since ${moment(machine.since)}` : machine.state,
    more: machine.starts ? count(machine.starts, "start") + boot : "never started by us",
  };
}

/** A server's stage: a shape and a tone beside HAProxy's or our word. */
export const STAGES = {
  ready: { shape: "●", tone: "good", word: "ready" },
  warming: { shape: "◐", tone: "move", word: "warming up" },
  "draining-in": { shape: "◐", tone: "move", word: "checking" },
  "draining-out": { shape: "◑", tone: "move", word: "leaving" },
  starting: { shape: "◔", tone: "move", word: "starting" },
  stopping: { shape: "◔", tone: "move", word: "stopping" },
  maint: { shape: "○", tone: "idle", word: "maint" },
  off: { shape: "○", tone: "idle", word: "off" },
  unknown: { shape: "?", tone: "idle", word: "unknown" },
};

export const ROLES = { always_up: "always up", spare: "spare", other: "not ours" };

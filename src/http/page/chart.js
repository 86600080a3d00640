// The last hour of a backend as a picture: response time against the goal, load, servers, one above the other, with
// changes marked. The same numbers stand in a table.

import { el, svg } from "./dom.js";
import { axis, clock, measured, minute, perSecond } from "./words.js";

const RANGES_MIN = [5, 15, 30, 60];
/** Heights, pixels. */
const LANE = 20;
const RESPONSE = 160;
const LOAD = 64;
const SERVERS = 56;
const GAP = 26;
const AXIS = 20;
const LEFT = 54;
const RIGHT = 10;
const HEIGHT = LANE + RESPONSE + GAP + LOAD + GAP + SERVERS + AXIS;

/** Events that are marked: what they look like. */
export const MARKS = {
  enable: { shape: "▲", tone: "good", what: "enabled" },
  disable: { shape: "▼", tone: "move", what: "put away" },
  enable_failed: { shape: "✕", tone: "bad", what: "failed" },
  probation_failed: { shape: "✕", tone: "bad", what: "fails" },
  not_serving: { shape: "✕", tone: "bad", what: "serves nobody" },
  no_spare: { shape: "!", tone: "bad", what: "no spare" },
  not_helping: { shape: "!", tone: "bad", what: "does not help" },
  hold: { shape: "◆", tone: "idle", what: "changed by hand" },
  order: { shape: "◆", tone: "warn", what: "" },
  reload: { shape: "○", tone: "idle", what: "HAProxy reloaded" },
  unreachable: { shape: "✕", tone: "bad", what: "HAProxy does not answer" },
  reachable: { shape: "○", tone: "idle", what: "HAProxy answers" },
  started: { shape: "○", tone: "idle", what: "daemon started" },
};

/** A curve as the daemon sends it, with a moment for each point. Where the mean of a time is judged it has its worst
 *  seconds; anything else has the highest that was judged. */
export function read(curve) {
  const first = Date.parse(curve.first_at);
  const stepMs = curve.step_s * 1000;
  const isTime = curve.unit === null || curve.unit === "ms";
  const hasPeaks = isTime && (curve.statistic ?? "mean") === "mean";
  const points = curve.per_s.map((perS, index) => ({
    at: first + index * stepMs,
    value: hasPeaks ? curve.mean_ms[index] : curve.level[index],
    peak: hasPeaks ? curve.peak_ms[index] : null,
    perS,
    peakPerS: curve.peak_per_s[index],
    failed: curve.failed[index],
    inFlight: curve.in_flight[index],
    serving: curve.serving[index],
    wanted: curve.wanted[index],
  }));
  const marks = curve.events.filter((event) => MARKS[event.code]);
  const valueName = hasPeaks ? "mean" : `highest ${curve.statistic ?? ""}`.trim();
  return { ...curve, stepMs, isTime, hasPeaks, valueName, points, marks, unit: curve.unit ?? "ms" };
}

function span(curve) {
  const end = curve.points.at(-1).at + curve.stepMs;
  const long = (end - curve.points[0].at) / 60_000;
  const minutes = RANGES_MIN.find((it) => it >= long) ?? 60;
  return { begin: end - minutes * 60_000, end, minutes };
}

/** A round number at or above. */
function round(value) {
  if (!(value > 0)) return 1;
  const ten = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((it) => it * ten).find((it) => it >= value * 0.999);
}

const highest = (points, pick) => Math.max(0, ...points.map((it) => pick(it) ?? 0));

/** The picture of a backend with so many servers. `chosen` is the point under the pointer, `marked` the event that is
 *  pointed at. */
export function chart(curve, width, servers, chosen, marked) {
  const { begin, end, minutes } = span(curve);
  const inner = width - LEFT - RIGHT;
  const x = (at) => LEFT + ((at - begin) / (end - begin)) * inner;
  const middle = (point) => x(point.at + curve.stepMs / 2);
  const tops = { response: LANE, load: LANE + RESPONSE + GAP, servers: LANE + RESPONSE + GAP + LOAD + GAP };
  const worst = Math.max((curve.threshold ?? 0) * 1.25, highest(curve.points, (it) => it.value) * 1.1);
  const responseMax = round(Math.max(worst, Math.min(highest(curve.points, (it) => it.peak), worst * 2)));
  const loadMax = round(highest(curve.points, (it) => Math.max(it.perS ?? 0, it.peakPerS ?? 0)) * 1.05);
  // A backlog may want a dozen that nobody has.
  const wanted = Math.min(highest(curve.points, (it) => it.wanted), servers + 1);
  const serversMax = Math.max(1, wanted, highest(curve.points, (it) => it.serving)) + 0.5;
  const y = (top, height, max) => (value) => top + height - (Math.min(value, max) / max) * height;
  const yResponse = y(tops.response, RESPONSE, responseMax);
  const yLoad = y(tops.load, LOAD, loadMax);
  const yServers = y(tops.servers, SERVERS, serversMax);
  const base = (top, height) => top + height;
  const panels = [
    panel(curve.isTime ? "Response time" : curve.signal.replaceAll("_", " "), tops.response, RESPONSE, width, [
      [0, "0"], [responseMax / 2, axis(responseMax / 2, curve.unit)], [responseMax, axis(responseMax, curve.unit)],
    ], yResponse),
    panel("Load", tops.load, LOAD, width, [[0, "0"], [loadMax, perSecond(loadMax)]], yLoad),
    panel("Servers", tops.servers, SERVERS, width,
      [0, Math.floor(serversMax)].map((it) => [it, String(it)]), yServers),
  ];
  return svg("svg", {
    class: "chart", width: String(width), height: String(HEIGHT), viewBox: `0 0 ${width} ${HEIGHT}`,
    "aria-hidden": "true",
  },
  panels,
  ticks(begin, end, minutes, x, width),
  curve.hasPeaks ? svg("path", { class: "peak area", d: band(curve.points, middle, yResponse) }) : null,
  svg("path", { class: "load area", d: area(curve.points, middle, (it) => it.perS, yLoad, base(tops.load, LOAD)) }),
  svg("path", { class: "peak line", d: line(curve.points, middle, (it) => it.peakPerS, yLoad) }),
  svg("path", { class: "load line", d: line(curve.points, middle, (it) => it.perS, yLoad) }),
  svg("path", { class: "servers area", d: steps(curve, x, (it) => it.serving, yServers, base(tops.servers, SERVERS)) }),
  svg("path", { class: "servers line", d: steps(curve, x, (it) => it.serving, yServers, null) }),
  svg("path", { class: "wanted line", d: steps(curve, x, (it) => it.wanted, yServers, null) }),
  svg("path", { class: "value line", d: line(curve.points, middle, (it) => it.value, yResponse) }),
  curve.threshold === null ? null : goal(curve, yResponse(curve.threshold), width),
  curve.points.some((it) => it.value !== null) ? null
    : svg("text", { class: "empty", x: LEFT + inner / 2, y: LANE + RESPONSE * 0.72, "text-anchor": "middle" }, "no requests in this time"),
  marksOf(curve, begin, x, marked),
  chosen ? svg("g", { class: "cross" },
    svg("line", { x1: middle(chosen), x2: middle(chosen), y1: LANE, y2: HEIGHT - AXIS }),
    chosen.value === null ? null : svg("circle", { class: "value", cx: middle(chosen), cy: yResponse(chosen.value), r: 4 }),
    chosen.perS === null ? null : svg("circle", { class: "load", cx: middle(chosen), cy: yLoad(chosen.perS), r: 3.5 })) : null);
}

function panel(name, top, height, width, labels, y) {
  return svg("g", { class: "panel" },
    svg("text", { class: "name", x: LEFT, y: top - 7 }, name),
    labels.map(([value, text]) => [
      svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
      svg("text", { class: "label", x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, text),
    ]));
}

function goal(curve, y, width) {
  return svg("g", { class: "goal" },
    svg("line", { x1: LEFT, x2: width - RIGHT, y1: y, y2: y }),
    svg("text", { x: width - RIGHT - 2, y: y - 5, "text-anchor": "end" }, `goal ${curve.hasPeaks ? "" : `${curve.statistic} `}${measured(curve.threshold, curve.unit)}`));
}

function ticks(begin, end, minutes, x, width) {
  const isNarrow = width < 480;
  const every = { 5: isNarrow ? 2 : 1, 15: 5, 30: isNarrow ? 10 : 5, 60: isNarrow ? 20 : 10 }[minutes] * 60_000;
  const all = [];
  for (let at = Math.ceil(begin / every) * every; at <= end; at += every) {
    if (x(at) < LEFT + 14 || x(at) > width - RIGHT - 14) continue;
    all.push(svg("text", { class: "label", x: x(at), y: HEIGHT - 5, "text-anchor": "middle" }, minute(at)));
    all.push(svg("line", { class: "grid", x1: x(at), x2: x(at), y1: HEIGHT - AXIS, y2: HEIGHT - AXIS + 4 }));
  }
  return svg("g", {}, all);
}

/** Runs of points that have a value. */
function runs(points, pick) {
  const all = [];
  let run = [];
  for (const point of points) {
    if (pick(point) === null) {
      if (run.length) all.push(run);
      run = [];
    } else {
      run.push(point);
    }
  }
  if (run.length) all.push(run);
  return all;
}

const px = (value) => value.toFixed(1);

function line(points, x, pick, y) {
  return runs(points, pick).map((run) => run.map((it, index) =>
    `${index ? "L" : "M"}${px(x(it))} ${px(y(pick(it)))}`).join("")
    // One alone would not be seen.
    + (run.length === 1 ? "h1.5" : "")).join("");
}

function area(points, x, pick, y, base) {
  return runs(points, pick).map((run) =>
    `M${px(x(run[0]))} ${px(base)}${run.map((it) => `L${px(x(it))} ${px(y(pick(it)))}`).join("")}L${px(x(run.at(-1)))} ${px(base)}Z`).join("");
}

/** Between the mean and the worst second. */
function band(points, x, y) {
  return runs(points, (it) => (it.value === null ? null : it.peak)).map((run) => {
    const above = run.map((it, index) => `${index ? "L" : "M"}${px(x(it))} ${px(y(it.peak))}`).join("");
    const below = [...run].reverse().map((it) => `L${px(x(it))} ${px(y(it.value))}`).join("");
    return `${above}${below}Z`;
  }).join("");
}

function steps(curve, x, pick, y, base) {
  return runs(curve.points, pick).map((run) => {
    const path = run.map((it, index) =>
      `${index ? "L" : "M"}${px(x(it.at))} ${px(y(pick(it)))}H${px(x(it.at + curve.stepMs))}`).join("");
    return base === null ? path : `${path}V${px(base)}H${px(x(run[0].at))}Z`;
  }).join("");
}

/** Of changes at nearly the same time the shapes stand side by side. */
function marksOf(curve, begin, x, marked) {
  let free = -Infinity;
  return svg("g", { class: "marks" }, curve.marks.filter((it) => Date.parse(it.at) >= begin).map((event) => {
    const { shape, tone } = MARKS[event.code];
    const at = px(x(Date.parse(event.at)));
    const place = Math.max(Number(at), free);
    free = place + 11;
    return svg("g", { class: `mark ${tone}${marked === event.id ? " marked" : ""}`, "data-mark": event.id },
      svg("line", { x1: at, x2: at, y1: LANE - 4, y2: HEIGHT - AXIS }),
      svg("text", { x: px(place), y: LANE - 7, "text-anchor": "middle" }, shape),
      svg("title", {}, `${clock(event.at)} ${event.text}`));
  }));
}

/** The point at that place of the picture. */
export function pointAt(curve, width, place) {
  const { begin, end } = span(curve);
  const at = begin + ((place - LEFT) / (width - LEFT - RIGHT)) * (end - begin);
  return curve.points.findLast((it) => it.at <= at) ?? curve.points[0];
}

/** What a point shows, in words. */
export function inWords(curve, point) {
  const parts = [
    `${clock(point.at)}: ${point.value === null ? "no request" : measured(point.value, curve.unit)}`,
    point.peak === null ? null : `worst second ${measured(point.peak, curve.unit)}`,
    point.perS === null ? null : perSecond(point.perS),
    point.serving === null ? null : `${point.serving} serving, ${point.wanted} wanted`,
  ];
  return parts.filter(Boolean).join(", ");
}

/** The same numbers, a row for each minute, the newest first. */
export function table(curve) {
  const minutes = new Map();
  for (const point of curve.points) {
    const key = Math.floor(point.at / 60_000) * 60_000;
    minutes.set(key, [...(minutes.get(key) ?? []), point]);
  }
  const rows = [...minutes].reverse().map(([at, points]) => {
    const valued = points.filter((it) => it.value !== null);
    const requests = valued.reduce((sum, it) => sum + (it.perS ?? 1), 0) || 1;
    const mean = valued.reduce((sum, it) => sum + it.value * (it.perS ?? 1), 0) / requests;
    const peak = highest(points, (it) => it.peak ?? it.value);
    const load = points.filter((it) => it.perS !== null);
    const perS = load.reduce((sum, it) => sum + it.perS, 0) / (load.length || 1);
    const failed = points.reduce((sum, it) => sum + it.failed, 0);
    const last = points.findLast((it) => it.serving !== null);
    return el("tr", {},
      el("th", { scope: "row" }, minute(at)),
      el("td", {}, valued.length ? measured(mean, curve.unit) : "–"),
      el("td", {}, valued.length ? measured(peak, curve.unit) : "–"),
      el("td", {}, load.length ? perSecond(perS) : "–"),
      el("td", {}, String(failed)),
      el("td", {}, last ? String(last.serving) : "–"),
      el("td", {}, last ? String(last.wanted) : "–"));
  });
  return el("table", { class: "numbers" },
    el("caption", {}, "By minute, the newest first"),
    el("thead", {}, el("tr", {}, ["Time", curve.hasPeaks ? "Mean" : "Highest", "Worst second", "Load", "Failed", "Serving", "Wanted"]
      .map((it) => el("th", { scope: "col" }, it)))),
    el("tbody", {}, rows));
}

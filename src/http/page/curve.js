// The last hour of the backend that is looked at: its frame and numbers, the moment that is pointed at, what changed.
// The picture itself is drawn in `chart`.

import { MARKS, chart, inWords, pointAt, read, table } from "./chart.js";
import { ask } from "./connection.js";
import { at, el, sentence, show } from "./dom.js";
import { isUndone } from "./events.js";
import { bareText, clock, effectOf, evidence, measured, moment, ms, perSecond } from "./words.js";

const ASK_EVERY_MS = 10_000;
/** Changes that are listed beside the curve. */
const LISTED_MAX = 12;

let curve = null;
let asked = 0;
let askedOf = null;
/** The point under the pointer. */
let chosen = null;
/** The number of the change that is pointed at. */
let marked = null;

/** Its frame: the picture goes into `#curve` when its width is known. */
export function card(backend, canOrder) {
  const isThere = has(backend);
  return el("section", { class: "card", "data-key": "curve", "aria-labelledby": "curve-title" },
    el("h2", { id: "curve-title" }, "The last hour"),
    isThere ? null : el("p", { class: "faint", "data-key": "none" }, "The curve begins: a point comes every ten seconds."),
    el("p", { id: "curve-readout", class: "readout", "data-key": "readout", "data-own": true }),
    el("div", {
      id: "curve", "data-key": "picture", tabindex: isThere ? "0" : null, role: isThere ? "slider" : null,
      "aria-label": isThere ? "Moment on the curve" : null, ...(isThere ? sliding() : {}),
      "data-own": true,
    }),
    isThere ? changesList(backend, canOrder) : null,
    isThere ? el("details", { "data-key": "table" }, el("summary", {}, "As a table"), el("div", { class: "scroll" }, table(curve))) : null);
}

function sliding() {
  const point = chosen ?? curve.points.at(-1);
  return {
    "aria-valuemin": "0",
    "aria-valuemax": String(curve.points.length - 1),
    "aria-valuenow": String(Math.max(0, curve.points.indexOf(point))),
    "aria-valuetext": inWords(curve, point),
  };
}

/** Legend and numbers in one: of the point that is chosen, else of the newest that is over. */
function readout() {
  const point = chosen ?? curve.points.at(-2) ?? curve.points.at(-1);
  const swatch = (kind) => el("i", { class: `swatch ${kind}`, "aria-hidden": "true" });
  return [
    el("span", { class: "time" }, clock(point.at)),
    el("span", {}, swatch("value"), `${curve.valueName} ${measured(point.value, curve.unit)}`),
    curve.hasPeaks ? el("span", {}, swatch("peak"), `worst second ${ms(point.peak)}`) : null,
    el("span", {}, swatch("load"), `load ${perSecond(point.perS)}`),
    el("span", {}, swatch("servers"), `serving ${point.serving ?? "–"}`),
    el("span", {}, swatch("wanted"), `wanted ${point.wanted ?? "–"}`),
  ];
}

export function drawPicture(backend) {
  const place = at("curve");
  if (!place) return;
  if (!has(backend)) {
    show(place);
    show(at("curve-readout"));
    return;
  }
  const width = Math.floor(place.clientWidth);
  if (width < 60) return;
  show(place, chart(curve, width, backend.servers.length, chosen, marked));
  show(at("curve-readout"), readout());
  for (const [name, value] of Object.entries(sliding())) place.setAttribute(name, value);
}

/** What changed in that hour, the newest first, each with its evidence and what it did. */
function changesList(backend, canOrder) {
  const listed = curve.marks.slice(-LISTED_MAX).reverse();
  if (listed.length === 0) {
    return el("p", { class: "faint", "data-key": "changes" }, "No server came or went in this time.");
  }
  return el("div", { "data-key": "changes" },
    el("h3", {}, "Changes"),
    el("ol", { class: "changes" }, listed.map((event) => {
      const { shape, tone, what } = MARKS[event.code];
      const effect = effectOf(event, curve.events);
      const name = event.server ?? (event.backend ? event.backend : "");
      return el("li", { "data-key": String(event.id), "data-mark": event.id, class: marked === event.id ? "marked" : null },
        el("span", { class: `shape ${tone}`, "aria-hidden": "true" }, shape),
        el("time", { datetime: event.at, title: moment(event.at) }, clock(event.at)),
        el("div", {},
          el("strong", {}, `${name} ${what}`.trim()), " ", sentence(evidence(event, curve.events)),
          effect ? el("span", { class: "effect" }, `Effect: ${bareText(effect)}`) : null),
        canOrder ? undo(event, backend) : null);
    })));
}

/** The way back from a change, while it is the last one of that server. */
export function undo(event, backend) {
  const server = backend.servers.find((it) => it.name === event.server);
  if (!server || server.role !== "spare") return null;
  const verb = { enable: "disable", disable: "enable" }[event.code];
  if (!verb || isUndone(event)) return null;
  return el("button", {
    type: "button", "data-do": "order", "data-verb": verb, "data-target": `${backend.name}/${server.name}`,
    "aria-label": `Undo: ${verb} ${server.name}`,
  }, "Undo…");
}

/** Asks if the last answer is older than that; calls `then` when there is something new. */
export async function refresh(name, then, afterMs = ASK_EVERY_MS) {
  if (name === askedOf && Date.now() - asked < afterMs) return;
  if (name !== askedOf) chosen = null;
  [asked, askedOf] = [Date.now(), name];
  try {
    const answer = read(await ask(`/api/v1/curve?backend=${encodeURIComponent(name)}`));
    if (askedOf !== name) return; // Somebody looks at another one by now.
    // The same moment is another object, and may have moved by a few milliseconds.
    chosen = chosen && (answer.points.find((it) => Math.abs(it.at - chosen.at) < answer.stepMs / 2) ?? null);
    curve = answer;
  } catch {
    curve = curve?.backend === name ? curve : null;
  }
  then();
}

/** Ask again at once: the daemon is another one. */
export function forget() {
  asked = 0;
}

/** By server, the part of the requests that it answered lately. */
export function sharesOf(name) {
  return curve?.backend === name ? curve.shares : null;
}

function has(backend) {
  return Boolean(backend) && curve?.backend === backend.name && curve.points.length > 1;
}

/** A key on the curve; whether it means something there. */
export function moveBy(key, backend) {
  if (!has(backend)) return false;
  const { points } = curve;
  const index = chosen ? points.indexOf(chosen) : points.length - 1;
  const to = {
    ArrowLeft: index - 1, ArrowDown: index - 1, ArrowRight: index + 1, ArrowUp: index + 1, PageUp: index + 30,
    PageDown: index - 30, Home: 0, End: points.length - 1,
  }[key];
  if (to === undefined && key !== "Escape") return false;
  choose(key === "Escape" ? null : points[Math.min(Math.max(to, 0), points.length - 1)], backend);
  return true;
}

/** The pointer is there. */
export function pointTo(target, clientX, backend) {
  const place = target.closest?.("#curve");
  if (place && has(backend)) {
    const box = place.getBoundingClientRect();
    choose(pointAt(curve, Math.floor(place.clientWidth), clientX - box.left), backend);
  } else if (chosen && document.activeElement?.id !== "curve") {
    choose(null, backend);
  }
  const item = target.closest?.("[data-mark]");
  mark(item ? Number(item.dataset.mark) : null, backend);
}

function choose(point, backend) {
  if (point === chosen) return;
  chosen = point;
  drawPicture(backend);
}

function mark(id, backend) {
  if (id === marked) return;
  marked = id;
  for (const item of document.querySelectorAll(".changes [data-mark]")) {
    item.classList.toggle("marked", Number(item.dataset.mark) === marked);
  }
  drawPicture(backend);
}

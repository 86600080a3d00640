// One backend: what comes next, why, what it can carry, its servers, what stands by order.

import { orderButton } from "./backends.js";
import { undo } from "./curve.js";
import { el, sentence, svg } from "./dom.js";
import { effectOf, evidenceOf, lastChangeIn, lastChangeOf, sinceOf } from "./events.js";
import {
  ROLES, STAGES, againstGoal, ago, bareText, clock, count, measured, moment, perSecond, percent, rate, stateOf,
} from "./words.js";

const KINDS = {
  pause: "paused", pin: "pinned", order: "kept as ordered", hold: "left alone",
  quarantine: "not tried for a while",
};

/** What comes first: how it is and since when, the next step and its reason, what is in the way, what it can carry,
 *  and what was done last, by whom, with the way back. */
export function nextCard(backend, explained, canOrder) {
  // A long one stands above the buttons already.
  const name = backend.name.length > 24 ? "" : ` ${backend.name}`;
  const state = stateOf(backend);
  const isPaused = Boolean(backend.pause);
  const since = sinceOf(backend);
  const last = lastChangeIn(backend.name);
  const blocked = (explained?.blocked_by ?? []).filter((it) => it.text !== backend.next);
  return el("section", { class: `card next ${state.tone}`, "data-key": "next", "aria-labelledby": "next-title" },
    el("div", { class: "title" },
      el("h2", { id: "next-title" }, backend.name),
      el("span", { class: `chip ${state.tone}` },
        el("span", { "aria-hidden": "true" }, `${state.shape} `), state.word),
      isPaused ? el("span", { class: "chip warn" }, el("span", { "aria-hidden": "true" }, "‖ "), "PAUSED") : null,
      el("span", { class: "level" }, backend.measure ? el("span", {}, againstGoal(backend.measure)) : null,
        since ? [" ", el("span", { class: "faint" }, `since ${moment(since)}`)] : null)),
    el("dl", { class: "rows" },
      row("Next", "sentence", sentence(backend.next), 
        explained ? [" ", el("span", { class: "faint reason" }, "reason ", el("code", {}, explained.reason.code))] : null),
      blocked.map((it) => row("In the way", "blocked", sentence(it.text),
        it.until ? el("span", { class: "faint" }, ` until ${clock(it.until)}`) : null)),
      backend.carries ? row("Capacity", "carries", capacity(backend.carries)) : null,
      (backend.votes ?? []).map((vote) => row("Also", "carries", sentence(vote))),
      last ? row("Last change", "last", lastChange(last), canOrder ? undo(last, backend) : null) : null),
    el("div", { class: "buttons" },
      isPaused ? orderButton("resume", backend.name, `Resume${name}`, canOrder, "primary")
        : orderButton("pause", backend.name, `Pause${name}`, canOrder),
      orderButton("release", backend.name, "Put all spares away", canOrder)));
}

/** What one server carries stands out of how that is known and what follows from it. */
function capacity(text) {
  const end = text.indexOf(" (");
  return end < 0 ? sentence(text) : [el("strong", {}, sentence(text.slice(0, end))), sentence(text.slice(end))];
}

/** All of it stands beside the curve. */
function lastChange(change) {
  const effect = effectOf(change);
  return el("span", {},
    el("strong", {}, `${change.server} ${change.code === "enable" ? "enabled" : "put away"}`),
    ` at ${moment(change.at)}, ${ago(change.at)}: `, sentence(evidenceOf(change).split("; warmed up")[0]),
    effect ? el("span", { class: "faint" }, ` Effect: ${bareText(effect).split("; ")[0]}`) : null);
}

function row(name, kind, ...words) {
  return [el("dt", {}, name), el("dd", { class: kind }, words)];
}

export function problemsCard(problems) {
  if (problems.length === 0) return null;
  return el("section", { class: "card problems", "data-key": "problems", "aria-labelledby": "problems-title" },
    el("h2", { id: "problems-title" }, count(problems.length, "problem")),
    el("ul", {}, problems.map((it) => el("li", {},
      el("span", { class: "shape", "aria-hidden": "true" }, "▲ "),
      it.backend ? el("strong", {}, `${it.backend}: `) : null, sentence(it.text),
      el("span", { class: "faint" }, ` for ${ago(it.since).replace(" ago", "")}`)))));
}

/** Four numbers. */
export function figures(backend) {
  const measure = backend.measure;
  const isTime = !measure || measure.unit === "ms";
  const above = measure && measure.value !== null && measure.value > measure.threshold;
  const needed = backend.breaches_needed;
  const streak = Math.min(backend.breaches, needed);
  return el("section", { class: "figures", "data-key": "figures", "aria-label": "Numbers of now" },
    figure(isTime ? "Response time" : measure.signal.replaceAll("_", " "),
      measure ? measured(measure.value, measure.unit) : "–",
      measure ? `${measure.statistic}, goal ${measured(measure.threshold, measure.unit)}` : "no policy",
      measure ? bar((measure.value ?? 0) / measure.threshold / 2, above ? "warn" : "good", 0.5) : null),
    figure("Load", perSecond(backend.demand_per_s),
      backend.in_flight === null ? "not seen yet" : `${rate(backend.in_flight)} in flight`,
      loadBar(backend)),
    figure("Servers", backend.serving === null ? "–" : String(backend.serving),
      backend.wanted === null ? "not seen yet" : `serving, ${backend.wanted} wanted`
        + (backend.wanted > backend.servers.length ? `, ${backend.servers.length} exist` : ""),
      dots(backend.servers.map((it) => (it.serving ? "good" : STAGES[it.stage]?.tone === "move" ? "move" : "off")))),
    figure("Breaches", needed ? `${streak} of ${needed}` : "–",
      !needed ? "no policy" : backend.breaches > needed ? `${backend.breaches} in a row` : "in a row bring a spare",
      dots(Array.from({ length: Math.min(needed, 12) }, (_, index) => (index < streak ? "warn" : "off")))));
}

function figure(name, value, more, picture) {
  return el("div", { class: "figure card" },
    el("h3", {}, name), el("p", { class: "value" }, value), picture, el("p", { class: "faint" }, more));
}

/** A bar of 0 to 1, with a line at the limit. */
function bar(share, tone, limit) {
  const wide = (part) => `${(Math.min(Math.max(part, 0), 1) * 100).toFixed(1)}%`;
  return svg("svg", { class: "bar", "aria-hidden": "true", width: "100%", height: "8" },
    svg("rect", { class: "track", width: "100%", height: "8", rx: "4" }),
    svg("rect", { class: tone, width: wide(share), height: "8", rx: "4" }),
    limit ? svg("line", { class: "limit", x1: wide(limit), x2: wide(limit), y1: "0", y2: "8" }) : null);
}

/** The load beside what the servers that serve carry. */
function loadBar(backend) {
  const one = backend.capacity?.proved_per_s ?? backend.capacity?.broken_per_s;
  if (!one || !backend.serving || backend.demand_per_s === null) return bar(0, "good");
  const share = backend.demand_per_s / (one * backend.serving);
  return bar(share / 1.25, share > 1 ? "warn" : "good", 0.8);
}

function dots(tones) {
  const shown = tones.slice(0, 24);
  return svg("svg", { class: "dots", "aria-hidden": "true", width: String(shown.length * 16), height: "12" },
    shown.map((tone, index) => svg("circle", { class: tone, cx: String(index * 16 + 6), cy: "6", r: "5" })));
}

export function serversCard(backend, shares, canOrder) {
  return el("section", { class: "card", "data-key": "servers", "aria-labelledby": "servers-title" },
    el("h2", { id: "servers-title" }, "Servers"),
    el("div", { class: "scroll" },
      el("table", { class: "servers" },
        el("thead", {}, el("tr", {},
          ["Server", "Role", "Stage", "Weight", "Share", "Note"].map((it) => el("th", { scope: "col" }, it)),
          canOrder ? el("th", { scope: "col" }, "Orders") : null)),
        el("tbody", {}, backend.servers.map((server) => serverRow(backend, server, shares, canOrder))))),
    backend.servers.length === 0 ? el("p", { class: "faint" }, "HAProxy has not been read yet, or has no such backend.") : null);
}

function serverRow(backend, server, shares, canOrder) {
  const stage = STAGES[server.stage] ?? { shape: "?", tone: "idle", word: server.stage };
  const isLame = server.stage === "ready" && !server.serving;
  const share = shares?.[server.name];
  const cell = (label, kind, ...what) => el("td", { "data-label": label, class: kind }, el("div", {}, what));
  return el("tr", { "data-key": server.name },
    el("th", { scope: "row" }, server.name),
    cell("Role", null, ROLES[server.role] ?? server.role),
    cell("Stage", isLame ? "warn" : stage.tone,
      el("span", { class: "shape", "aria-hidden": "true" }, `${stage.shape} `), isLame ? "ready, serves nobody" : stage.word),
    cell("Weight", "number", server.weight === null ? "–" : String(server.weight)),
    cell("Share", "number", server.serving ? [percent(share), bar(share ?? 0, "good")] : "–"),
    cell("Note", "note", noteOf(backend, server)),
    canOrder ? el("td", { class: "orders" }, el("div", {}, serverOrders(backend, server))) : null);
}

/** The daemon's note, or since when and why it is where it is. */
function noteOf(backend, server) {
  if (server.note) return sentence(server.note);
  if (server.role === "always_up") return "never disabled";
  const last = lastChangeOf(backend.name, server.name);
  if (!last) return "–";
  // All of it stands beside the curve.
  return [`${last.code === "enable" ? "enabled" : "put away"} ${moment(last.at)}, ${ago(last.at)}: ${evidenceOf(last).split("; ")[0]}`,
    effectOf(last) ? el("span", { class: "effect" }, `Effect: ${bareText(effectOf(last))}`) : null];
}

function serverOrders(backend, server) {
  if (server.role !== "spare") return null;
  const target = `${backend.name}/${server.name}`;
  const isOut = server.stage === "maint" || server.stage === "draining-out";
  return [
    orderButton(isOut ? "enable" : "disable", target, isOut ? "Enable" : "Disable", true),
    orderButton(server.pin ? "unpin" : "pin", target, server.pin ? "Unpin" : "Pin", true),
  ];
}

/** What stands because somebody said so, each with the way back. */
export function standingCard(backend, canOrder) {
  const of = (place, target) => Object.entries(KINDS)
    .filter(([kind]) => place[kind])
    .map(([kind, word]) => ({ kind, word, target, ...place[kind] }));
  const all = of(backend, backend.name)
    .concat(backend.servers.flatMap((it) => of(it, `${backend.name}/${it.name}`)));
  if (all.length === 0) return null;
  return el("section", { class: "card", "data-key": "standing", "aria-labelledby": "standing-title" },
    el("h2", { id: "standing-title" }, "In force"),
    el("ul", { class: "standing" }, all.map((it) => el("li", { "data-key": `${it.kind} ${it.target}` },
      el("span", {}, el("strong", {}, it.target), ` ${it.word}`,
        it.by ? ` by ${it.by}` : null, it.since ? ` since ${moment(it.since)}` : null,
        it.until ? `, until ${moment(it.until)}` : null,
        it.reason ? el("span", { class: "faint" }, ` (${it.reason})`) : null),
      it.kind === "quarantine" ? null
        : orderButton(it.kind === "pin" ? "unpin" : "resume", it.target, it.kind === "pin" ? "Unpin" : "Take back", canOrder)))));
}

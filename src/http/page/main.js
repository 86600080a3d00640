// The page: which backend is chosen, what is drawn when, keys and buttons.

import { inOrder, problemsOf, showBackends, showSummary } from "./backends.js";
import { MARKS, chart, inWords, pointAt, read, table } from "./chart.js";
import * as connection from "./connection.js";
import { figures, nextCard, problemsCard, serversCard, standingCard } from "./detail.js";
import { at, el, sentence, show } from "./dom.js";
import * as events from "./events.js";
import * as orders from "./orders.js";
import * as today from "./today.js";
import { bareText, clock, evidence, measured, moment, ms, perSecond, span } from "./words.js";

const CURVE_EVERY_MS = 10_000;
const THEMES = ["auto", "light", "dark"];
/** Changes that are listed beside the curve. */
const LISTED_MAX = 12;

let overview = null;
let curve = null;
let curveAsked = 0;
let chosen = null;
let marked = null;
let version = null;

// ---- What is shown ------------------------------------------------------------------------------

function named() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return ""; // Somebody typed a `%`.
  }
}

function chosenBackend() {
  const backends = overview?.status.backends ?? [];
  const name = named();
  return backends.find((it) => it.name === name) ?? inOrder(backends)[0] ?? null;
}

function draw() {
  if (!overview) return;
  const { daemon, status, explained } = overview;
  const backend = chosenBackend();
  const canOrder = daemon.takes_orders;
  const shares = curve && curve.backend === backend?.name ? curve.shares : null;
  orders.know(overview, shares);
  at("where").textContent = [
    daemon.host,
    status.haproxy.connected ? `HAProxy ${status.haproxy.version ?? ""}`.trim() : "HAProxy does not answer",
    logWords(status.log),
  ].join(" · ");
  at("version").textContent = `haproxy-autoscale ${daemon.version}`;
  showSummary(status, canOrder);
  showBackends(status, backend?.name);
  const problems = problemsOf(status).filter((it) => it.backend === null || it.backend === backend?.name);
  if (!backend) {
    show(at("detail"), problemsCard(problems), el("p", { class: "card" }, "No backend is looked after: add [backend.NAME] to the configuration."));
    return;
  }
  show(at("detail"),
    nextCard(backend, explained.find((it) => it.backend === backend.name), canOrder),
    problemsCard(problems),
    standingCard(backend, canOrder),
    figures(backend),
    curveCard(backend, canOrder),
    serversCard(backend, shares, canOrder));
  drawCurve();
  today.showToday(backend.name);
  document.title = title(status, backend);
}

function title(status, backend) {
  const problems = problemsOf(status).length;
  return `${problems ? `(${problems}) ` : ""}${backend.name} ${backend.state.replaceAll("_", " ")} · haproxy-autoscale`;
}

function logWords(log) {
  if (log.state !== "read") return `log ${log.state}`;
  return log.lag_ms === null ? "log not timed" : `log ${span(log.lag_ms)} behind`;
}

// ---- The curve ----------------------------------------------------------------------------------

/** Its frame: the picture goes into `#curve` when its width is known. */
function curveCard(backend, canOrder) {
  const has = curve && curve.backend === backend.name && curve.points.length > 1;
  return el("section", { class: "card", "data-key": "curve", "aria-labelledby": "curve-title" },
    el("h2", { id: "curve-title" }, "The last hour"),
    has ? null : el("p", { class: "faint", "data-key": "none" }, "The curve begins: a point comes every ten seconds."),
    el("p", { id: "curve-readout", class: "readout", "data-key": "readout", "data-own": true }),
    el("div", {
      id: "curve", "data-key": "picture", tabindex: has ? "0" : null, role: has ? "slider" : null,
      "aria-label": has ? "Moment on the curve" : null, ...(has ? sliding() : {}),
      "data-own": true,
    }),
    has ? changesList(backend, canOrder) : null,
    has ? el("details", { "data-key": "table" }, el("summary", {}, "As a table"), el("div", { class: "scroll" }, table(curve))) : null);
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
    el("span", {}, swatch("value"), `${curve.isTime ? curve.statistic ?? "mean" : "highest"} ${measured(point.value, curve.unit)}`.replace("p", "p")),
    curve.isTime ? el("span", {}, swatch("peak"), `worst second ${ms(point.peak)}`) : null,
    el("span", {}, swatch("load"), `load ${perSecond(point.perS)}`),
    el("span", {}, swatch("servers"), `serving ${point.serving ?? "–"}`),
    el("span", {}, swatch("wanted"), `wanted ${point.wanted ?? "–"}`),
  ];
}

function drawCurve() {
  const place = at("curve");
  if (!place || !curve || curve.points.length < 2 || curve.backend !== chosenBackend()?.name) {
    if (place) show(place);
    if (place) show(at("curve-readout"));
    return;
  }
  const width = Math.floor(place.clientWidth);
  if (width < 60) return;
  show(place, chart(curve, width, chosenBackend().servers.length, chosen, marked));
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
      const effect = curve.events.find((it) => it.id > event.id && it.code === "effect" && it.server === event.server);
      const name = event.server ?? (event.backend ? event.backend : "");
      return el("li", { "data-key": String(event.id), "data-mark": event.id, class: marked === event.id ? "marked" : null },
        el("span", { class: `shape ${tone}`, "aria-hidden": "true" }, shape),
        el("time", { datetime: event.at, title: moment(event.at) }, clock(event.at)),
        el("div", {},
          el("strong", {}, `${name} ${what}`.trim()), " ", sentence(evidence(event, curve.events)),
          effect && event.code !== "order" ? el("span", { class: "effect" }, `Effect: ${bareText(effect)}`) : null),
        canOrder ? undo(event, backend) : null);
    })));
}

/** The way back from a change, while it is the last one of that server. */
function undo(event, backend) {
  const server = backend.servers.find((it) => it.name === event.server);
  if (!server || server.role !== "spare") return null;
  const later = curve.events.some((it) => it.id > event.id && it.server === event.server && ["enable", "disable"].includes(it.code));
  const verb = { enable: "disable", disable: "enable" }[event.code];
  if (!verb || later) return null;
  return el("button", {
    type: "button", "data-do": "order", "data-verb": verb, "data-target": `${backend.name}/${server.name}`,
    "aria-label": `Undo: ${verb} ${server.name}`,
  }, "Undo…");
}

async function askCurve(isNow = false) {
  const backend = chosenBackend();
  if (!backend || (!isNow && Date.now() - curveAsked < CURVE_EVERY_MS)) return;
  curveAsked = Date.now();
  try {
    const answer = read(await connection.ask(`/api/v1/curve?backend=${encodeURIComponent(backend.name)}`));
    const index = chosen && curve ? curve.points.findIndex((it) => it.at === chosen.at) : -1;
    // The same moment is another object, and may have moved by a few milliseconds.
    chosen = index < 0 ? null : answer.points.find((it) => Math.abs(it.at - chosen.at) < 5000) ?? null;
    curve = answer;
  } catch {
    curve = curve?.backend === backend.name ? curve : null;
  }
  draw();
}

function choosePoint(point) {
  if (point === chosen) return;
  chosen = point;
  drawCurve();
}

function mark(id) {
  if (id === marked) return;
  marked = id;
  for (const item of document.querySelectorAll(".changes [data-mark]")) {
    item.classList.toggle("marked", Number(item.dataset.mark) === marked);
  }
  drawCurve();
}

// ---- The connection -----------------------------------------------------------------------------

connection.on("overview", (newest) => {
  overview = newest;
  showLink();
  // Another version has another page.
  if (version && version !== newest.daemon.version) location.reload();
  version = newest.daemon.version;
  draw();
  askCurve();
  today.refresh(draw);
});

connection.on("event", (event) => {
  events.take(event);
  if (["enable", "disable", "usage"].includes(event.code)) today.forget();
  soon();
});

/** Many events come at once: they are drawn together. */
let drawing = null;
function soon() {
  if (drawing) return;
  drawing = setTimeout(() => {
    drawing = null;
    events.showEvents();
    draw();
    askCurve(Date.now() - curveAsked > 1000);
    connection.askSoon();
  }, 120);
}

let why = "";
connection.on("lost", (reason) => {
  why = reason;
  showLink();
});

connection.on("back", () => {
  curveAsked = 0;
  today.forget();
  orders.toast("The daemon answers again.");
  showLink();
});

function showLink() {
  const since = connection.lost();
  const banner = at("lost");
  const pill = at("link");
  document.body.classList.toggle("stale", since !== null);
  banner.hidden = since === null;
  const [tone, word] = since !== null ? ["bad", `○ lost ${span(Date.now() - since)}`]
    : !overview ? ["idle", "○ connecting"] : connection.hasEvents() ? ["good", "● live"] : ["warn", "◐ no events"];
  pill.className = `pill ${tone}`;
  pill.textContent = word;
  if (since === null) return;
  // Without the span: an alert that changes is read out again.
  show(banner, sentence(`The daemon has not answered since ${clock(since)}: ${why}. What you see is from then. It is asked again `
    + "every two seconds; on the host, `systemctl status haproxy-autoscale` says more."));
}

// ---- Buttons and keys ---------------------------------------------------------------------------

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  const words = { auto: "as the system has it", light: "light", dark: "dark" };
  at("theme-button").setAttribute("aria-label", `Theme: ${words[theme]}`);
  at("theme-button").textContent = { auto: "◐", light: "☀", dark: "☾" }[theme];
  try {
    localStorage.setItem("haproxy-autoscale theme", theme);
  } catch {
    // A browser that keeps nothing has the theme until it is closed.
  }
}

function storedTheme() {
  try {
    const stored = localStorage.getItem("haproxy-autoscale theme");
    return THEMES.includes(stored) ? stored : "auto";
  } catch {
    return "auto";
  }
}

const ACTIONS = {
  theme: () => setTheme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length]),
  help: () => at("help").showModal(),
  token: () => orders.openTokenAlone(),
  forget: () => orders.forgetToken(),
  close: (button) => button.closest("dialog").close(),
  order: (button) => orders.openOrder(button.dataset.verb, button.dataset.target),
  events: (button) => events.choose(button.dataset.which),
};

document.addEventListener("click", (click) => {
  const button = click.target.closest("[data-do]");
  if (button) ACTIONS[button.dataset.do]?.(button);
});

function step(by) {
  const names = inOrder(overview?.status.backends ?? []).map((it) => it.name);
  const index = names.indexOf(chosenBackend()?.name);
  const next = names[Math.min(Math.max(index + by, 0), names.length - 1)];
  if (next) location.hash = encodeURIComponent(next);
}

function pauseOrResume() {
  const backend = chosenBackend();
  if (backend && overview.daemon.takes_orders) orders.openOrder(backend.pause ? "resume" : "pause", backend.name);
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  t: ACTIONS.theme,
  "?": ACTIONS.help,
  p: pauseOrResume,
  "/": () => at("events-filter").focus(),
};

document.addEventListener("keydown", (key) => {
  const isTyped = key.target.closest("input, select, textarea, dialog");
  if (isTyped || key.ctrlKey || key.metaKey || key.altKey) return;
  if (key.target.id === "curve" && curve) {
    const index = chosen ? curve.points.indexOf(chosen) : curve.points.length - 1;
    const to = {
      ArrowLeft: index - 1, ArrowDown: index - 1, ArrowRight: index + 1, ArrowUp: index + 1, PageUp: index + 30,
      PageDown: index - 30, Home: 0, End: curve.points.length - 1,
    }[key.key];
    if (to !== undefined) {
      key.preventDefault();
      choosePoint(curve.points[Math.min(Math.max(to, 0), curve.points.length - 1)]);
      return;
    }
    if (key.key === "Escape") choosePoint(null);
  }
  const act = KEYS[key.key];
  if (act) {
    key.preventDefault();
    act();
  }
});

document.addEventListener("pointermove", (move) => {
  const place = move.target.closest?.("#curve");
  if (place && curve?.points.length > 1) {
    const box = place.getBoundingClientRect();
    choosePoint(pointAt(curve, Math.floor(place.clientWidth), move.clientX - box.left));
  } else if (chosen && document.activeElement?.id !== "curve") {
    choosePoint(null);
  }
  const item = move.target.closest?.("[data-mark]");
  mark(item ? Number(item.dataset.mark) : null);
});

window.addEventListener("hashchange", () => {
  chosen = null;
  draw();
  askCurve(true);
});
window.addEventListener("resize", drawCurve);
at("events-filter").addEventListener("input", (input) => events.setFilter(input.target.value));
setInterval(showLink, 1000);
setTheme(storedTheme());
orders.begin();
events.showEvents();
connection.begin();

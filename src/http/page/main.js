// The page: which backend is chosen, what is drawn when, keys and buttons.

import { inOrder, problemsOf, showBackends, showSummary } from "./backends.js";
import * as connection from "./connection.js";
import * as curve from "./curve.js";
import { figures, nextCard, problemsCard, serversCard, standingCard } from "./detail.js";
import { at, el, sentence, show } from "./dom.js";
import * as events from "./events.js";
import * as orders from "./orders.js";
import * as sparks from "./sparks.js";
import * as today from "./today.js";
import { moment, span } from "./words.js";

const THEMES = ["auto", "light", "dark"];

let overview = null;
let version = null;
/** The backend that is shown where the address names none: chosen once, for one that changes by itself is soon
 *  mistaken for another. */
let first = null;

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
  const find = (name) => backends.find((it) => it.name === name);
  const known = find(named()) ?? find(first);
  if (known) return known;
  const backend = inOrder(backends)[0] ?? null;
  first = backend?.name ?? null;
  return backend;
}

function draw() {
  if (!overview) return;
  const { daemon, status, explained } = overview;
  const backend = chosenBackend();
  const canOrder = daemon.takes_orders;
  const shares = curve.sharesOf(backend?.name);
  orders.know(overview, shares);
  at("where").textContent = [
    daemon.host,
    // What a distribution adds to the version finds no room on a phone.
    status.haproxy.connected ? `HAProxy ${(status.haproxy.version ?? "").split("-")[0]}`.trim() : "HAProxy does not answer",
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
    curve.card(backend, canOrder),
    serversCard(backend, shares, canOrder));
  curve.drawPicture(backend);
  today.showToday(backend.name, status.mode === "observe");
}

/** What the tab says: how the backend is, and when that was if it is not now. */
function title() {
  const backend = chosenBackend();
  const lost = connection.lost();
  const old = connection.oldSince();
  const problems = overview ? problemsOf(overview.status).length : 0;
  const head = lost !== null ? "(lost) " : problems ? `(${problems}) ` : "";
  const state = backend ? `${backend.name} ${backend.state.replaceAll("_", " ")}` : null;
  const when = old === null ? "" : ` at ${moment(old)}`;
  return `${head}${state ? `${state}${when} · ` : ""}haproxy-autoscale`;
}

function logWords(log) {
  if (log.state !== "read") return `log ${log.state}`;
  return log.lag_ms === null ? "log not timed" : `log ${span(log.lag_ms)} behind`;
}

function askCurve(afterMs) {
  const backend = chosenBackend();
  if (backend) curve.refresh(backend.name, draw, afterMs);
}

// ---- The connection -----------------------------------------------------------------------------

connection.on("overview", (newest) => {
  overview = newest;
  // Another version has another page.
  if (version && version !== newest.daemon.version) location.reload();
  version = newest.daemon.version;
  draw();
  showLink();
  askCurve();
  today.refresh(draw);
  if (newest.status.backends.length > 1) sparks.refresh(draw);
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
    askCurve(1000);
    connection.askSoon();
  }, 120);
}

let why = "";
connection.on("lost", (reason) => {
  why = reason;
  showLink();
});

connection.on("seen", showLink);

connection.on("back", () => {
  curve.forget();
  sparks.forget();
  today.forget();
  orders.toast("The daemon answers again.");
});

/** How old it is what is shown: the banner, the pill, the tab's title. */
function showLink() {
  const since = connection.lost();
  const old = connection.oldSince();
  const banner = at("lost");
  const pill = at("link");
  document.title = title();
  document.body.classList.toggle("stale", old !== null);
  banner.hidden = since === null;
  const [tone, word] = since !== null ? ["bad", `○ lost ${span(Date.now() - since)}`]
    : !overview ? ["idle", "○ connecting"] : old !== null ? ["idle", `○ as of ${moment(old)}`]
      : connection.hasEvents() ? ["good", "● live"] : ["warn", "◐ no events"];
  pill.className = `pill ${tone}`;
  pill.textContent = word;
  if (since === null) return;
  // Without the span: an alert that changes is read out again.
  show(banner, sentence(`The daemon has not answered since ${moment(since)}: ${why}. What you see is from then. It is asked again `
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
  // By hand: behind `#` stands a backend.
  skip: (link, click) => {
    click.preventDefault();
    at("detail").focus();
  },
  close: (button) => button.closest("dialog").close(),
  order: (button) => orders.openOrder(button.dataset.verb, button.dataset.target),
  events: (button) => events.choose(button.dataset.which),
};

document.addEventListener("click", (click) => {
  const button = click.target.closest("[data-do]");
  if (button) ACTIONS[button.dataset.do]?.(button, click);
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
  const isTyped = key.target.closest("input, select, textarea, dialog[open]");
  if (isTyped || key.ctrlKey || key.metaKey || key.altKey) return;
  if (key.target.id === "curve" && curve.moveBy(key.key, chosenBackend())) {
    key.preventDefault();
    return;
  }
  const act = KEYS[key.key];
  if (act) {
    key.preventDefault();
    act();
  }
});

document.addEventListener("pointermove", (move) => curve.pointTo(move.target, move.clientX, chosenBackend()));
window.addEventListener("hashchange", () => {
  draw();
  showLink();
  askCurve(0);
});
window.addEventListener("resize", () => curve.drawPicture(chosenBackend()));
at("events-filter").addEventListener("input", (input) => events.setFilter(input.target.value));
setInterval(showLink, 1000);
setTheme(storedTheme());
orders.begin();
events.showEvents();
connection.begin();

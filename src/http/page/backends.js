// All backends at a glance: how each one is, beside its goal, and what is wrong with any.

import { at, el, show } from "./dom.js";
import { spark } from "./sparks.js";
import { againstGoal, count, measured, perSecond, stateOf } from "./words.js";

/** Problems of all backends and of the daemon, the daemon's first. */
export function problemsOf(status) {
  const own = status.problems.map((problem) => ({ ...problem, backend: null }));
  const theirs = status.backends.flatMap((backend) =>
    (backend.problems ?? []).map((problem) => ({ ...problem, backend: backend.name })));
  return own.concat(theirs);
}

/** Those that need somebody first. */
export function inOrder(backends) {
  const rank = (backend) => Math.min(stateOf(backend).rank, backend.problems?.length ? 1 : 9);
  return [...backends].sort((one, other) => rank(one) - rank(other) || (one.name < other.name ? -1 : 1));
}

/** The one sentence at the top: is it healthy? */
export function showSummary(status, canOrder) {
  const problems = problemsOf(status).length;
  const troubled = inOrder(status.backends).filter((it) => stateOf(it).rank < 5 || it.problems?.length);
  const paused = status.backends.filter((it) => it.pause);
  const isAllPaused = paused.length > 0 && paused.length === status.backends.length;
  let tone = "good";
  let headline = "Healthy";
  if (troubled.length > 0) {
    const first = troubled[0];
    const state = stateOf(first);
    tone = state.tone === "good" ? "warn" : state.tone;
    // Of the only one the numbers stand right below.
    const isJudged = status.backends.length > 1 && first.measure && ["slow", "short", "not_helping"].includes(first.state);
    const how = state.tone === "good" ? "see the problem" : state.word.toLowerCase();
    const others = troubled.length - 1;
    headline = [
      `${first.name}: ${how}`, isJudged ? `, ${againstGoal(first.measure)}` : "",
      others > 0 ? `; ${count(others, "other")} ${others === 1 ? "needs" : "need"} a look` : "",
    ].join("");
  } else if (problems > 0) {
    tone = "warn";
    headline = "It runs, with a problem";
  }
  const mode = status.mode === "observe" ? "observing: nothing is changed, spares are shown as they would be" : "acting";
  const facts = [
    isAllPaused ? "paused: nothing is changed" : mode,
    paused.length > 0 && !isAllPaused ? `${paused.map((it) => it.name).join(", ")} paused` : null,
    count(status.backends.length, "backend"),
    count(problems, "problem"),
  ];
  show(at("summary"),
    el("p", { class: `health ${tone}` },
      el("span", { class: "shape", "aria-hidden": "true" }, tone === "good" ? "✓" : "▲"),
      el("strong", {}, headline)),
    el("p", { class: "facts" }, facts.filter(Boolean).join(" · ")),
    el("div", { class: "buttons" },
      isAllPaused ? orderButton("resume", "", "Resume everything", canOrder, "primary")
        : orderButton("pause", "", "Pause everything", canOrder)));
}

/** A button that asks for an order; without a token file there is none. */
export function orderButton(verb, target, text, canOrder, kind = "") {
  if (!canOrder) return null;
  return el("button", {
    type: "button", class: kind, "data-do": "order", "data-verb": verb, "data-target": target,
    "data-key": `${verb} ${target}`,
  }, `${text}…`);
}

export function showBackends(status, chosen) {
  const nav = at("backends");
  nav.hidden = status.backends.length < 2;
  at("columns").classList.toggle("alone", nav.hidden);
  if (nav.hidden) return;
  show(nav,
    el("h2", {}, "Backends"),
    el("ul", {}, inOrder(status.backends).map((backend) => row(backend, backend.name === chosen))));
}

function numbers(measure) {
  if (!measure) return "no policy";
  const goal = measured(measure.threshold, measure.unit);
  return measure.value === null ? `no traffic, goal ${goal}` : `${measured(measure.value, measure.unit)}, goal ${goal}`;
}

function row(backend, isChosen) {
  const state = stateOf(backend);
  const measure = backend.measure;
  return el("li", { "data-key": backend.name },
    el("a", {
      href: `#${encodeURIComponent(backend.name)}`,
      class: `backend ${state.tone}`,
      "aria-current": isChosen ? "true" : null,
    },
    el("span", { class: "name" }, backend.name),
    el("span", { class: `chip ${state.tone}` },
      el("span", { "aria-hidden": "true" }, `${state.shape} `), state.word),
    spark(backend.name),
    el("span", { class: "numbers" },
      numbers(measure),
      backend.serving === null ? null : ` · ${count(backend.serving, "server")}`,
      backend.demand_per_s === null ? null : ` · ${perSecond(backend.demand_per_s)}`),
    backend.pause ? el("span", { class: "numbers" }, "‖ paused") : null));
}

// Orders: what each will do is said before it is given. The token stays in this tab's memory and goes out in
// a header alone.

import { at, el, show } from "./dom.js";
import { askSoon, parsed } from "./connection.js";
import { percent, span } from "./words.js";

const TOKEN = "haproxy-autoscale token";
const TOAST_MS = 8000;
/** Of an order that nobody answered. */
const MAYBE = "it may have been obeyed. Look at the server before you give it again.";

/** What an order is called, does, and whether it has an end of its own choosing. */
const VERBS = {
  pause: {
    give: "Pause",
    says: (what) => `Nothing is changed in ${what} until that is taken back: no server comes or goes, however slow it `
      + "gets. A change under way is finished first. What would be done is still shown.",
    lasts: ["until it is taken back", "15m", "1h", "4h", "12h"],
  },
  resume: {
    give: "Resume",
    says: (what) => `Automatic scaling goes on in ${what}. Pauses, holds, and servers kept in or out there are forgotten; `
      + "pins remain.",
  },
  pin: {
    give: "Pin",
    says: (what) => `${what} stays as it is: it is neither brought in nor put away.`,
    lasts: ["until it is taken back", "1h", "4h", "12h"],
  },
  unpin: { give: "Unpin", says: (what) => `${what} may come and go with the load again.` },
  enable: {
    give: "Enable",
    says: (what) => `${what} is warmed up, HAProxy checks it, and then it takes requests. It is kept in for the time below.`,
    lasts: ["as long as `hold` says", "15m", "1h", "4h", "12h"],
  },
  disable: {
    give: "Disable",
    says: (what) => `${what} gets no new requests. When its sessions have ended it goes into maint, and is kept out for the `
      + "time below.",
    lasts: ["as long as `hold` says", "15m", "1h", "4h", "12h"],
  },
  release: {
    give: "Put away",
    says: (what) => `Every spare of ${what} that is in is drained and put into maint, as far as \`min\` allows. Do this before `
      + "you stop the daemon for good.",
  },
};

/** The token, for browsers that keep nothing. */
let kept = null;
let order = null;
let overview = null;
let shares = {};
let hiding = null;

export function know(newest, ofChosen) {
  overview = newest;
  shares = ofChosen ?? {};
  at("token-button").hidden = !newest.daemon.takes_orders;
  at("token-button").textContent = token() ? "Token ✓" : "Token…";
}

function token() {
  try {
    return sessionStorage.getItem(TOKEN) ?? kept;
  } catch {
    return kept;
  }
}

/** `null` forgets it. */
function keepToken(text) {
  kept = text;
  try {
    if (text === null) sessionStorage.removeItem(TOKEN);
    else sessionStorage.setItem(TOKEN, text);
  } catch {
    // A browser that keeps nothing has it until the page is left.
  }
}

/** Shows what that order would do; asks for a token first. */
export function openOrder(verb, target) {
  order = { verb, target };
  if (!token()) return openToken();
  const it = VERBS[verb];
  const what = target === "" ? "all backends" : target;
  at("order-title").textContent = `${it.give} ${what}?`;
  at("order-what").textContent = it.says(what);
  const warning = warningOf(verb, target);
  at("order-warning").textContent = warning ?? "";
  at("order-warning").hidden = !warning;
  at("order-for-label").hidden = !it.lasts;
  show(at("order-for"), (it.lasts ?? []).map((text, index) => el("option", { value: index === 0 ? "" : text }, text)));
  at("order-for").selectedIndex = 0;
  at("order-reason").value = "";
  at("order-answer").hidden = true;
  at("order-give").textContent = it.give;
  at("order-give").disabled = false;
  showCommand();
  at("order").showModal();
}

/** What that would mean now. */
function warningOf(verb, target) {
  if (!overview) return null;
  const notes = [];
  if (overview.status.mode === "observe") notes.push("The daemon observes: this is pretended, and not remembered.");
  const [name, serverName] = target.split("/");
  const backend = overview.status.backends.find((it) => it.name === name);
  const server = backend?.servers.find((it) => it.name === serverName);
  const share = shares[serverName];
  if (verb === "disable" && server?.serving && share > 0) notes.push(`It takes ${percent(share)} of the requests now.`);
  notes.push(...machineNotes(verb, server?.machine));
  const isStrained = backend && !["ok", "unknown"].includes(backend.state);
  if (isStrained && ["disable", "release", "pause"].includes(verb)) {
    notes.push(`${name} is ${backend.state.replaceAll("_", " ")} now: users may wait longer.`);
  }
  return notes.length ? notes.join(" ") : null;
}

/** What becomes of its machine, where it has one. */
function machineNotes(verb, machine) {
  if (!machine) return [];
  if (verb === "enable" && machine.state !== "on") {
    return [`Its machine is started first${machine.boot_s ? `, usually ${span(machine.boot_s * 1000)}` : ""}.`];
  }
  const isOff = ["off", "gone"].includes(machine.state);
  return verb === "disable" && !isOff ? ["Its machine is stopped then, unless it has `stop = false`."] : [];
}

function showCommand() {
  const { verb, target } = order;
  const lasts = at("order-for").value;
  const reason = at("order-reason").value;
  const words = ["haproxy-autoscale", verb, target];
  if (lasts) words.push("--for", lasts);
  if (reason) words.push("--reason", `'${reason.replaceAll("'", "’")}'`);
  at("order-command").textContent = words.filter(Boolean).join(" ");
}

async function give() {
  const body = { order: order.verb, target: order.target };
  if (VERBS[order.verb].lasts && at("order-for").value) body.for = at("order-for").value;
  if (at("order-reason").value) body.reason = at("order-reason").value;
  at("order-give").disabled = true;
  const answer = at("order-answer");
  answer.hidden = true;
  answer.textContent = "";
  try {
    const response = await fetch("/api/v1/orders", {
      method: "POST",
      cache: "no-store",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${token()}` },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(15_000),
    });
    const said = parsed(await response.text());
    if (response.status === 401 && said) {
      keepToken(null);
      at("order").close();
      return openToken(said.error);
    }
    if (response.ok && said) {
      at("order").close();
      toast(said.text);
    } else {
      answer.textContent = said ? said.text ?? said.error : notOurs(response);
    }
  } catch {
    // A browser does not tell whether the connection broke before or after the order went out.
    answer.textContent = `No answer came: ${MAYBE}`;
  }
  answer.hidden = !answer.textContent;
  at("order-give").disabled = false;
  askSoon();
}

/** What an answer means that is not the daemon's. */
function notOurs(response) {
  const by = `The answer ${response.status} is not the daemon's, but of a proxy before it`;
  if (response.status === 401) return `${by}, which wants a sign-on where the token stands: nothing was ordered.`;
  return `${by}: ${MAYBE}`;
}

export function openToken(answer = null) {
  at("token-text").value = "";
  at("token-answer").textContent = answer ?? "";
  at("token-answer").hidden = !answer;
  at("token-forget").hidden = !token();
  at("token").showModal();
}

export function forgetToken() {
  keepToken(null);
  at("token").close();
  if (overview) know(overview, shares);
}

export function toast(text) {
  const place = at("toast");
  place.textContent = text;
  place.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { place.hidden = true; }, TOAST_MS);
}

export function begin() {
  at("order-form").addEventListener("submit", (event) => {
    event.preventDefault();
    give();
  });
  at("order-form").addEventListener("input", showCommand);
  at("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    keepToken(at("token-text").value.trim());
    at("token-text").value = "";
    at("token").close();
    if (overview) know(overview, shares);
    const wanted = order;
    if (wanted) openOrder(wanted.verb, wanted.target);
  });
  at("token").addEventListener("close", () => { at("token-text").value = ""; });
}

/** Somebody opens the dialog of the token itself: no order waits. */
export function openTokenAlone() {
  order = null;
  openToken();
}

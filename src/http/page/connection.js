// How the page hears of the daemon: it asks for everything at most once in two seconds, and is sent events as
// they happen. Both rest while nobody sees the page.

import { setClock } from "./words.js";

const ASK_EVERY_MS = 2000;
/** An answer that takes longer is none. */
const ANSWER_LIMIT_MS = 8000;
/** Something comes at least every 15 seconds: a stream that is silent for longer is dead. */
const SILENCE_MAX_MS = 40000;
/** Events are said not to come when they have not for so long. */
const DEAF_MAX_MS = 6000;
/** Events that a page begins with. */
const EVENTS_FIRST = 200;

const hears = { overview: [], event: [], lost: [], back: [], seen: [] };
/** When the newest answer came, by this computer's clock; before the first one, when the page began. */
let lastAnswer = Date.now();
/** How long after that the next one is asked for. */
let dueMs = ASK_EVERY_MS;
let lostSince = null;
let asking = null;
let timer = null;
let stream = null;
let lastEvent = null;
let deafSince = Date.now();

/** Calls `act` when that happens: `overview`, `event`, `lost` (why), `back`, or `seen`: the page is looked at again,
 *  or no longer. */
export function on(what, act) {
  hears[what].push(act);
}

function tell(what, value) {
  for (const act of hears[what]) act(value);
}

/** Since when the daemon does not answer, by this computer's clock; `null`: it does. */
export function lost() {
  return lostSince;
}

/** When that was which is shown, by this computer's clock, if it is older than what a page that is looked at shows;
 *  `null`: it is of now. */
export function oldSince() {
  const isOld = document.hidden || Date.now() - lastAnswer > dueMs + ANSWER_LIMIT_MS;
  return lostSince ?? (isOld ? lastAnswer : null);
}

/** A gap of a few seconds is none: all that was missed comes. */
export function hasEvents() {
  return deafSince === null || Date.now() - deafSince < DEAF_MAX_MS;
}

/** An object in JSON; `null`: it is something else, and so not of the daemon. */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** JSON of that path; an error's message is what the daemon said. A proxy's sign-on may need what the browser has. */
export async function ask(path) {
  const answer = await fetch(path, {
    cache: "no-store",
    credentials: "same-origin",
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
  });
  const said = parsed(await answer.text());
  if (!said) throw new Error(`something before it answers ${answer.status}; if you have to sign in, load this page again`);
  if (!answer.ok) throw new Error(said.error ?? `answer ${answer.status}`);
  return said;
}

async function askAll() {
  clearTimeout(timer);
  if (asking || document.hidden) return;
  const began = Date.now();
  asking = ask("/api/v1/overview");
  let overview;
  try {
    overview = await asking;
  } catch (error) {
    // A page that was put away is not a daemon that is gone.
    if (!document.hidden) {
      lostSince ??= lastAnswer;
      tell("lost", whyOf(error));
    }
    return;
  } finally {
    asking = null;
    // A thousand backends are megabytes: whoever is slow asks less often.
    dueMs = Math.max(ASK_EVERY_MS, (Date.now() - began) * 5);
    timer = setTimeout(askAll, dueMs);
  }
  setClock(overview.daemon.at);
  lastAnswer = Date.now();
  const wasLost = lostSince !== null;
  lostSince = null;
  if (wasLost) {
    tell("back");
    listen();
  }
  tell("overview", overview);
}

function whyOf(error) {
  if (error instanceof TypeError) return "nobody answers";
  return error.name === "TimeoutError" ? `no answer within ${ANSWER_LIMIT_MS / 1000} s` : error.message;
}

/** Asks now: something has changed. */
export function askSoon() {
  clearTimeout(timer);
  timer = setTimeout(askAll, 150);
}

/** Is sent events until the daemon or the reader has gone. */
async function listen() {
  if (stream || document.hidden) return;
  const own = new AbortController();
  stream = own;
  let silence = null;
  const wait = () => {
    clearTimeout(silence);
    silence = setTimeout(() => own.abort(), SILENCE_MAX_MS);
  };
  try {
    wait();
    const path = lastEvent === null ? `?last=${EVENTS_FIRST}` : `?since=${lastEvent}`;
    const answer = await fetch(`/api/v1/events${path}`, {
      cache: "no-store",
      credentials: "same-origin",
      signal: own.signal,
    });
    if (!answer.ok) throw new Error(await answer.text());
    deafSince = null;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      wait();
      text += value;
      const messages = text.split("\n\n");
      text = messages.pop();
      messages.forEach(take);
    }
  } catch {
    // Whether the daemon is there is found out by asking.
  } finally {
    clearTimeout(silence);
    deafSince ??= Date.now();
    if (stream === own) stream = null;
    if (!document.hidden) setTimeout(listen, ASK_EVERY_MS);
  }
}

function take(message) {
  const lines = message.split("\n").filter((line) => line.startsWith("data:"));
  if (lines.length === 0) return;
  try {
    const event = JSON.parse(lines.map((line) => line.slice(5)).join("\n"));
    // Numbers that are lower again are another daemon's.
    lastEvent = event.id;
    tell("event", event);
  } catch {
    // Half a message of a daemon that ended.
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    clearTimeout(timer);
    stream?.abort();
    stream = null;
  } else {
    askAll();
    listen();
  }
  tell("seen");
});

export function begin() {
  askAll();
  listen();
}

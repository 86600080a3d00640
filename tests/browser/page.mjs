// The page in a real browser, beside a real HAProxy under load. Each step says what must hold; the first that
// does not ends it with 1.

import assert from "node:assert/strict";
import http from "node:http";

import { PROGRAMS, SIZES, axe, openBrowser, openPage } from "./browser.mjs";
import { Stage, TOKEN, until } from "./stage.mjs";

const HOSTILE = "</script><img src=x onerror=alert(1)>";

const began = Date.now();
const step = (text) => console.log(`${((Date.now() - began) / 1000).toFixed(1).padStart(5)} s  ${text}`);

const stage = await Stage.start(PROGRAMS);
const browser = await openBrowser();
try {
  stage.load(40);
  await theFilesAreServedAsTheyShouldBe();
  const { page, complaints, policies, expectFailures } = await openPage(browser, stage);
  await everythingIsShown(page);
  await aRushIsSeen(page);
  await anOrderIsGivenAndObeyed(page, expectFailures);
  await aHostileTextStaysText(page);
  await sizesAndThemes(complaints);
  await keysWork(page);
  await theBackendStaysTheSame(page);
  await wordsThatNobodyKnowsAreShown(page);
  await machinesAreShownWhereThereAreAny(page);
  await fiftyBackendsHaveASmallCurveEach(complaints);
  await anOrderWithoutAnAnswerMayHaveBeenObeyed(page, expectFailures);
  await aProxyMayWantACookie(complaints);
  await aBrowserMayKeepNothing(complaints);
  await theDaemonGoesAndComesBack(page, expectFailures);
  await whatIsOldIsShownAsOld(page, expectFailures);
  assert.deepEqual(complaints, [], "no error, and nothing asked elsewhere");
  assert.equal(policies.size, 1, "one policy");
  const [policy] = policies;
  assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self';/);
  assert.doesNotMatch(policy, /unsafe|\*/);
  step("the page works");
} catch (error) {
  console.error(error);
  console.error(stage.logs().split("\n").slice(-20).join("\n"));
  process.exitCode = 1;
} finally {
  await browser.close();
  await stage.end();
}

async function theFilesAreServedAsTheyShouldBe() {
  const script = new URL("/page/main.js", stage.url);
  const first = await fetch(script);
  assert.equal(first.status, 200);
  assert.match(first.headers.get("content-type"), /^text\/javascript/);
  const tag = first.headers.get("etag");
  assert.match(tag, /^"[0-9a-f]{16}"$/);
  const again = await fetch(script, { headers: { "If-None-Match": tag } });
  assert.equal(again.status, 304);
  assert.equal((await again.text()).length, 0);
  assert.equal((await fetch(script, { headers: { "If-None-Match": '"0000000000000000"' } })).status, 200);
  assert.equal((await fetch(new URL("/page/..%2fCargo.toml", stage.url))).status, 404);
  step("its parts are served with a tag, and 304 to whoever has them");
}

async function everythingIsShown(page) {
  for (const [place, text] of [
    ["#summary", /Healthy/], ["#next-title", /^web$/], [".figures", /goal 200 ms/], ["#detail", /Servers/],
    ["#today", /Last 24 hours/], ["#events", /started|connected/], ["#link", /live/],
  ]) {
    await until(`${place} ${text}`, async () => text.test(await page.textContent(place)));
  }
  const rows = await page.locator("table.servers tbody tr").allInnerTexts();
  assert.equal(rows.length, 3);
  assert.match(rows[0], /web1\s+always up\s+●\s+ready/);
  assert.match(rows[1], /web2\s+spare\s+○\s+maint/);
  await until("the curve", async () => await page.locator("#curve svg").count() === 1, 30_000);
  step("backend, servers, curve and events are shown");
}

async function aRushIsSeen(page) {
  stage.load(95);
  await until("SLOW, or a spare on its way", async () =>
    /SLOW|SHORT|warming|checking/.test(await page.textContent("#detail")));
  await until("web2 serves at HAProxy", async () => /^UP/.test(await stage.stateOf("web2")));
  await until("web2 is shown as ready", async () =>
    /●\s*ready/.test(await page.locator("table.servers tbody tr", { hasText: "web2" }).innerText()));
  await until("the change with its evidence", async () => /web2 enabled .*warmed up with 3 requests/s
    .test(await page.textContent(".changes")));
  assert.ok(await page.locator("#curve .mark.good").count() > 0, "it is marked on the curve");
  await until("the change, when it was, and the way back, before everything else", async () =>
    /web[23] enabled at \d\d:\d\d:\d\d, \d+s ago: /.test(await page.textContent("section.next .last")));
  assert.equal(await page.locator("section.next .last button").getAttribute("data-verb"), "disable");
  await until("how it is, with its goal", async () => /mean .*, goal 200 ms/.test(await page.textContent("section.next .level")));
  await page.locator("details summary").click();
  assert.ok(await page.locator("table.numbers tbody tr").count() > 0, "the curve as a table");
  step("a rush: web2 came, and the page shows when and why");
}

async function anOrderIsGivenAndObeyed(page, expectFailures) {
  await page.getByRole("button", { name: "Disable…" }).last().click();
  expectFailures(true);
  await page.fill("#token-text", "a wrong token, long enough");
  await page.click("#token-form button.primary");
  await page.click("#order-give");
  await until("the refusal", async () => /wrong token/.test(await page.textContent("#token-answer")));
  expectFailures(false);
  await page.fill("#token-text", TOKEN);
  await page.click("#token-form button.primary");
  assert.match(await page.textContent("#order-what"), /gets no new requests/);
  const title = await page.textContent("#order-title");
  const server = /web[23]/.exec(title)[0];
  await page.fill("#order-reason", HOSTILE);
  assert.match(await page.textContent("#order-command"), new RegExp(`^haproxy-autoscale disable web/${server} --reason`));
  await page.click("#order-give");
  await until("the daemon's answer", async () => /drained/.test(await page.textContent("#toast")));
  await until(`${server} in maint at HAProxy`, async () => /^MAINT/.test(await stage.stateOf(server)));
  await until("it stands", async () => (await page.textContent("#detail")).includes("kept as ordered by ops (http 127.0.0.1)"));
  const stored = await page.evaluate(() => [sessionStorage.length, localStorage.length, document.cookie, location.href]);
  assert.equal(stored[0], 1);
  assert.equal(stored[2], "");
  assert.ok(!stored[3].includes(TOKEN));
  await page.getByRole("button", { name: "Take back…" }).click();
  await page.click("#order-give");
  await until("it is taken back", async () => (await stage.backend()).servers.every((it) => it.order === null));
  step(`orders: ${server} was disabled at HAProxy, and the order taken back`);
}

async function aHostileTextStaysText(page) {
  await until("the reason in the events", async () => (await page.textContent("#events")).includes(HOSTILE));
  assert.equal(await page.locator("#events img, #detail img").count(), 0);
  step("a text that looks like HTML is text");
}

async function sizesAndThemes(complaints) {
  const open = Object.keys(SIZES).flatMap((size) => ["light", "dark"].map((scheme) => ({ size, scheme })));
  for (const { size, scheme } of open) {
    const { page, complaints: own } = await openPage(browser, stage, { size, scheme });
    await page.waitForSelector("#curve svg");
    const { width } = SIZES[size];
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= width, `${size}: nothing sideways`);
    const clipped = await page.evaluate(() => [...document.querySelectorAll("p, li, dd, dt, h2, h3, td, th, button, a")]
      .filter((it) => it.clientWidth > 0 && it.scrollWidth > it.clientWidth + 1 && !it.closest(".scroll, .skip, thead"))
      .map((it) => it.textContent.slice(0, 60)));
    assert.deepEqual(clipped, [], `${size}: no clipped text`);
    assert.deepEqual(await axe(page), [], `axe-core, ${size} ${scheme}`);
    await page.evaluate(() => document.querySelector('[data-verb="pause"]').click());
    await page.waitForSelector("dialog[open]");
    assert.deepEqual(await axe(page), [], `axe-core, ${size} ${scheme}, a dialog`);
    complaints.push(...own);
    await page.context().close();
  }
  step("two sizes, light and dark: nothing clipped, and axe-core finds nothing serious");
}

async function keysWork(page) {
  // Chromium gives the focus back a moment after it has hidden a dialog.
  const closed = (what, place) => until(`${what} is closed`, async () => !(await page.locator(place).isVisible()) &&
    page.evaluate(() => document.activeElement?.closest("dialog") === null));
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("?");
  assert.ok(await page.locator("#help").isVisible());
  await page.keyboard.press("Escape");
  await closed("the help", "#help");
  await page.keyboard.press("t");
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "light");
  await page.locator("#curve").focus();
  await page.keyboard.press("Home");
  assert.match(await page.getAttribute("#curve", "aria-valuetext"), /^\d\d:\d\d:\d\d: /);
  await page.keyboard.press("p");
  assert.match(await page.textContent("#order-title"), /^Pause web/);
  await page.keyboard.press("Escape");
  await closed("the order", "#order");
  await page.keyboard.press("/");
  await page.keyboard.type("enable");
  const codes = await page.locator("#events .code").allInnerTexts();
  assert.ok(codes.length > 0 && codes.length < 20, codes.join());
  await page.fill("#events-filter", "");
  await page.locator(".skip").focus();
  await page.keyboard.press("Enter");
  assert.deepEqual(await page.evaluate(() => [document.activeElement.id, location.hash]), ["detail", ""]);
  step("keys: help, theme, the curve's moments, pause, the filter, the way past all backends");
}

/** Another backend is worse than the one that is looked at. */
async function theBackendStaysTheSame(page) {
  const place = "**/api/v1/overview";
  await page.route(place, async (route) => {
    const response = await route.fetch();
    const all = await response.json();
    all.status.backends.push({ ...all.status.backends[0], name: "api", state: "broken" });
    await route.fulfill({ response, json: all });
  });
  await until("the other one is shown first", async () =>
    /BROKEN/.test(await page.locator("#backends li").first().innerText()));
  assert.equal(await page.textContent("#next-title"), "web");
  await page.unroute(place);
  await until("there is one again", async () => !(await page.locator("#backends").isVisible()));
  step("the backend that is looked at does not change by itself");
}

/** A newer daemon behind the same address, or one that is ahead of the page by a reload. */
async function wordsThatNobodyKnowsAreShown(page) {
  const place = "**/api/v1/overview";
  await page.route(place, async (route) => {
    const response = await route.fetch();
    const all = await response.json();
    const [web] = all.status.backends;
    web.state = "dreaming";
    web.servers[2] = { ...web.servers[2], stage: "rebooting", role: "guest", serving: false, machine: { state: "on" } };
    await route.fulfill({ response, json: all });
  });
  await until("the state", async () => /dreaming/.test(await page.textContent("section.next .chip")));
  const row = page.locator("table.servers tbody tr").nth(2);
  await until("the stage", async () => /rebooting/.test(await row.innerText()));
  assert.match(await row.innerText(), /guest/);
  assert.deepEqual(await axe(page), [], "axe-core, unknown words");
  await page.unroute(place);
  await until("the words of now", async () => !/rebooting/.test(await row.innerText()));
  step("a state, a stage and a role that it does not know are shown as they come");
}

/** Of a spare that is off, one whose machine boots, and one that serves on a machine. */
async function machinesAreShownWhereThereAreAny(page) {
  assert.ok(!(await page.locator("table.servers thead").innerText()).includes("Machine"), "a column of machines without one");
  const place = "**/api/v1/overview";
  const since = new Date(Date.now() - 42_000).toISOString();
  const machine = { state: "on", since, ours: true, boot_s: 55.2, starts: 3, ran_s: 7200 };
  await page.route(place, async (route) => {
    const response = await route.fetch();
    const all = await response.json();
    const [web] = all.status.backends;
    const [web1, web2, web3] = web.servers;
    web.servers = [
      web1,
      { ...web2, stage: "off", serving: false, machine: { ...machine, state: "off", ours: false } },
      { ...web3, stage: "starting", serving: false, machine: { ...machine, state: "starting" } },
      { ...web3, name: "web4", stage: "ready", serving: true, machine },
    ];
    await route.fulfill({ response, json: all });
  });
  const row = (index) => page.locator("table.servers tbody tr").nth(index);
  await until("the machines", async () => /3 starts, the last took 55s/.test(await row(1).innerText()));
  assert.match(await row(1).innerText(), /off since \d\d:\d\d:\d\d/);
  assert.match(await row(2).innerText(), /starting since/);
  await row(1).getByRole("button", { name: "Enable…" }).click();
  assert.match(await page.textContent("#order-warning"), /Its machine is started first, usually 55s\./);
  await page.keyboard.press("Escape");
  await row(3).getByRole("button", { name: "Disable…" }).click();
  assert.match(await page.textContent("#order-warning"), /Its machine is stopped then/);
  await page.keyboard.press("Escape");
  assert.deepEqual(await axe(page), [], "axe-core, machines");
  await page.unroute(place);
  await until("no machines", async () => !(await page.locator("table.servers thead").innerText()).includes("Machine"));
  step("machines: what each does, and what an order does with it");
}

async function fiftyBackendsHaveASmallCurveEach(complaints) {
  const asked = [];
  let looks = 0;
  const { page, complaints: own } = await openPage(browser, stage, { size: "narrow" });
  const names = Array.from({ length: 50 }, (_, index) => `backend-with-a-name-${index}`);
  const level = Array.from({ length: 60 }, (_, index) => (index % 7 === 0 ? null : index % 9 === 0 ? 431.5 : 61.5));
  await page.route("**/api/v1/overview", async (route) => {
    const response = await route.fetch();
    const all = await response.json();
    const [web] = all.status.backends;
    all.status.backends = [web, ...names.map((name) => ({ ...web, name }))];
    looks += 1;
    await route.fulfill({ response, json: all });
  });
  await page.route("**/api/v1/curve**", async (route) => {
    const url = route.request().url();
    asked.push(url);
    if (!url.endsWith("/curves")) return route.continue();
    const backends = Object.fromEntries(names.map((name) => [name, { unit: "ms", threshold: 200, level }]));
    return route.fulfill({ json: { step_s: 60, backends } });
  });
  await until("a curve in each row", async () => await page.locator("#backends svg.spark").count() === 50);
  const words = await page.locator("#backends svg.spark").first().getAttribute("aria-label");
  assert.match(words, /^Last hour: highest 432 ms, above the goal of 200 ms in \d of \d\d minutes$/);
  const from = looks;
  await until("more looks", () => looks >= from + 4);
  assert.equal(asked.filter((it) => it.endsWith("/curves")).length, 1, "once a minute, for all of them");
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= SIZES.narrow.width, "nothing sideways");
  assert.deepEqual(await axe(page), [], "axe-core, fifty backends");
  const tookMs = await page.evaluate(() => {
    const began = performance.now();
    globalThis.dispatchEvent(new Event("hashchange"));
    return performance.now() - began;
  });
  assert.ok(tookMs < 200, `drawn in ${tookMs} ms`);
  complaints.push(...own);
  await page.context().close();
  step(`fifty backends: a small curve each, one question for all; drawn in ${tookMs.toFixed(0)} ms`);
}

async function anOrderWithoutAnAnswerMayHaveBeenObeyed(page, expectFailures) {
  expectFailures(true);
  const place = "**/api/v1/orders";
  const give = async (answer) => {
    await page.route(place, answer);
    await page.locator('#detail [data-verb="pause"]').click();
    await page.click("#order-give");
    await until("what became of it", async () => page.locator("#order-answer").isVisible());
    const text = await page.textContent("#order-answer");
    await page.keyboard.press("Escape");
    await page.unroute(place);
    return text;
  };
  assert.match(await give((route) => route.abort("connectionreset")), /^No answer came: it may have been obeyed/);
  const [status, contentType, body] = [504, "text/html", "<h1>Gateway Time-out</h1>"];
  assert.match(await give((route) => route.fulfill({ status, contentType, body })), /^The answer 504 .* may have been obeyed/);
  assert.match(await give((route) => route.fulfill({ status: 401, contentType, body })), /401 .* nothing was ordered/);
  assert.equal(await page.textContent("#token-button"), "Token ✓", "the token is not to blame");
  expectFailures(false);
  step("an order that nobody answered: said as what it is");
}

/** A proxy that lets nobody in who has not signed on. */
async function aProxyMayWantACookie(complaints) {
  const COOKIE = { name: "signed_on", value: "yes" };
  const missed = [];
  const proxy = http.createServer((request, response) => {
    if (request.headers.cookie !== `${COOKIE.name}=${COOKIE.value}`) {
      missed.push(request.url);
      response.writeHead(401, { "Content-Type": "text/html" }).end("<h1>Sign on</h1>");
      return;
    }
    const { method, url } = request;
    const headers = { ...request.headers, host: "localhost" };
    const onward = http.request({ host: "127.0.0.1", port: stage.api, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  try {
    const url = `http://127.0.0.1:${proxy.address().port}/`;
    const { page, complaints: own } = await openPage(browser, { url }, { cookies: [{ ...COOKIE, url }] });
    await until("events come", async () => /connected|started/.test(await page.textContent("#events")));
    assert.match(await page.textContent("#link"), /live/);
    await page.locator('#detail [data-verb="pause"]').click();
    await page.fill("#token-text", TOKEN);
    await page.click("#token-form button.primary");
    await page.click("#order-give");
    await until("it is paused", async () => (await stage.backend()).pause);
    await until("the way back", async () => page.locator('#detail [data-verb="resume"]').first().isVisible());
    await page.locator('#detail [data-verb="resume"]').first().click();
    await page.click("#order-give");
    await until("it goes on", async () => !(await stage.backend()).pause);
    assert.deepEqual(missed.filter((it) => it.startsWith("/api/")), [], "asked without the cookie");
    complaints.push(...own);
    await page.context().close();
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
  step("behind a proxy with sign-on it has events and orders");
}

async function aBrowserMayKeepNothing(complaints) {
  const first = () => {
    for (const name of ["sessionStorage", "localStorage"]) {
      Object.defineProperty(window, name, { get() { throw new DOMException("not here", "SecurityError"); } });
    }
  };
  const { page, complaints: own } = await openPage(browser, stage, { first });
  await until("it is live", async () => /live/.test(await page.textContent("#link")));
  await page.locator('#detail [data-verb="pause"]').click();
  await page.fill("#token-text", TOKEN);
  await page.click("#token-form button.primary");
  assert.match(await page.textContent("#order-title"), /^Pause web/);
  assert.ok(await page.locator("#order").isVisible());
  complaints.push(...own);
  await page.context().close();
  step("a browser that keeps nothing has the token until the page is left");
}

async function theDaemonGoesAndComesBack(page, expectFailures) {
  expectFailures(true);
  await stage.stopDaemon();
  await until("the page says so", async () => /has not answered since \d\d:\d\d:\d\d/.test(await page.textContent("#lost")));
  assert.ok(await page.locator("#lost").isVisible());
  assert.match(await page.textContent("#link"), /lost/);
  assert.match(await page.textContent("table.servers"), /web1/, "what was known stays");
  assert.deepEqual(await axe(page), [], "axe-core, without a daemon");
  await stage.startDaemon();
  await until("the page goes on", async () => !(await page.locator("#lost").isVisible()));
  expectFailures(false);
  await stage.order("pause", "web", "--reason", "seen after the restart");
  await until("events go on", async () => (await page.textContent("#events")).includes("seen after the restart"));
  await until("it is shown as paused", async () => /PAUSED/.test(await page.textContent("#detail")));
  step("the daemon stopped and started under it: said, and everything goes on");
}

/** The tab is put away, the daemon ends, somebody looks three hours later; then another daemon begins that remembers
 *  nothing, and counts from 1. */
async function whatIsOldIsShownAsOld(page, expectFailures) {
  const setHidden = (is) => page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }, is);
  await setHidden(true);
  assert.match(await page.title(), /^(\(\d+\) )?web [a-z ]+ at .*\d\d:\d\d:\d\d · /);
  await stage.stopDaemon();
  await page.evaluate(() => {
    const real = Date.now;
    Date.now = () => real() + 3 * 3_600_000;
    globalThis.giveTimeBack = () => { Date.now = real; };
  });
  expectFailures(true);
  await setHidden(false);
  assert.ok(await page.evaluate(() => document.body.classList.contains("stale")), "at once");
  await until("since when", async () => /lost 3h/.test(await page.textContent("#link")));
  assert.match(await page.textContent("#lost"), /has not answered since .*\d\d:\d\d:\d\d: nobody answers/);
  assert.match(await page.title(), /^\(lost\) web [a-z ]+ at .*\d\d:\d\d:\d\d · /);
  await page.evaluate(() => globalThis.giveTimeBack());
  stage.forget();
  await stage.startDaemon();
  await until("the page goes on", async () => !(await page.locator("#lost").isVisible()));
  expectFailures(false);
  assert.match(await page.title(), /^(\(\d+\) )?web [a-z ]+ · /);
  await until("the new daemon's events, and no others", async () => {
    const shown = await page.textContent("#events");
    return /HAProxy/.test(shown) && !shown.includes(HOSTILE) && !shown.includes("seen after the restart");
  });
  step("what is old is shown as old, and another daemon's events as its own");
}

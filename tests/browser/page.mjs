// The page in a real browser, beside a real HAProxy under load. Each step says what must hold; the first that
// does not ends it with 1.

import assert from "node:assert/strict";

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
  await theDaemonGoesAndComesBack(page, expectFailures);
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
  await until("the change with its evidence", async () => /web2 in .*warmed up with 3 requests/s
    .test(await page.textContent(".changes")));
  assert.ok(await page.locator("#curve .mark.good").count() > 0, "it is marked on the curve");
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
  await until("it stands", async () => (await page.textContent("#detail")).includes("kept as ordered by http 127.0.0.1 ops"));
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
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("?");
  assert.ok(await page.locator("#help").isVisible());
  await page.keyboard.press("Escape");
  await page.keyboard.press("t");
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "light");
  await page.locator("#curve").focus();
  await page.keyboard.press("Home");
  assert.match(await page.getAttribute("#curve", "aria-valuetext"), /^\d\d:\d\d:\d\d: /);
  await page.keyboard.press("p");
  assert.match(await page.textContent("#order-title"), /^Pause web/);
  await page.keyboard.press("Escape");
  await page.keyboard.press("/");
  await page.keyboard.type("enable");
  const codes = await page.locator("#events .code").allInnerTexts();
  assert.ok(codes.length > 0 && codes.length < 20, codes.join());
  await page.fill("#events-filter", "");
  step("keys: help, theme, the curve's moments, pause, the filter");
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

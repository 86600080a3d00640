// Takes the pictures of docs/pictures/: the page at two sizes, light and dark, one for each of the eight questions
// of docs/questions.md, and one with several backends. About six minutes: a curve needs its time.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { shrunk } from "./png.mjs";
import { PROGRAMS, SIZES, openBrowser, openPage } from "./browser.mjs";
import { Stage, TOKEN, until } from "./stage.mjs";

const FOLDER = fileURLToPath(new URL("../../docs/pictures/", import.meta.url));
const ONE_BYTES_MAX = 150_000;
const ALL_BYTES_MAX = 1_500_000;

mkdirSync(FOLDER, { recursive: true });
const stage = await Stage.start({ ...PROGRAMS, idleTimeout: "45s" });
const browser = await openBrowser();
const path = (name) => join(FOLDER, `${name}.png`);
try {
  const { page } = await openPage(browser, stage);
  /** What is in those parts of the page, with a margin. */
  const picture = async (name, ...places) => {
    await page.evaluate(() => { document.getElementById("toast").hidden = true; });
    const boxes = await Promise.all(places.map((it) => page.locator(it).first().boundingBox()));
    const x = Math.min(...boxes.map((it) => it.x)) - 14;
    const y = Math.min(...boxes.map((it) => it.y)) - 14;
    const right = Math.max(...boxes.map((it) => it.x + it.width)) + 14;
    const bottom = Math.max(...boxes.map((it) => it.y + it.height)) + 14;
    const clip = { x: Math.max(x, 0), y: Math.max(y, 0), width: right - Math.max(x, 0), height: bottom - Math.max(y, 0) };
    await page.screenshot({ path: path(name), clip, fullPage: true });
  };
  const says = (place, words) => until(`${place}: ${words}`, async () => words.test(await page.textContent(place)), 120_000);

  stage.load(38);
  await sleep(55_000);
  await picture("healthy", ".top", "#summary", ".figures");
  stage.load(95);
  // A page that is open may have asked a moment before.
  await until("a breach", async () => (await stage.backend()).next.startsWith("warm up web2"), 60_000);
  await page.reload();
  await says("#detail", /warm up web2 if/);
  await picture("next", ".health", "section.next");
  await until("both spares", async () => (await stage.backend()).serving === 3, 60_000);
  await sleep(70_000);
  await says(".changes", /Effect:/);
  await picture("why-enabled", 'section[data-key="curve"]');
  for (const scheme of ["light", "dark"]) {
    for (const size of Object.keys(SIZES)) {
      const other = await openPage(browser, stage, { size, scheme });
      await other.page.waitForSelector("#curve svg");
      await other.page.waitForSelector("#today dl");
      await sleep(500);
      await other.page.screenshot({ path: path(`page-${size}-${scheme}`), fullPage: size === "wide" });
      await other.page.context().close();
    }
  }
  stage.load(25);
  await until("web3 goes", async () => (await stage.backend()).serving < 3, 120_000);
  await sleep(3000);
  await page.locator('[data-which="changes"]').click();
  await picture("today", "#today", ".events");
  await picture("saved", "#today");
  await page.locator('[data-which="all"]').click();
  await page.evaluate((token) => sessionStorage.setItem("haproxy-autoscale token", token), TOKEN);
  await page.locator('[data-verb="pause"][data-target="web"]').click();
  await page.selectOption("#order-for", "1h");
  await page.fill("#order-reason", "deploy 4.2");
  await page.screenshot({ path: path("stop") });
  await page.click("#order-give");
  await says("#detail", /PAUSED/);
  await says("#detail", /In force/);
  stage.load(130);
  await says("#next-title + .chip", /SLOW|SHORT/);
  await says(".rows", /In the way/);
  await says(".rows", /would warm up/);
  await picture("why-nothing", "section.next", 'section[data-key="standing"]');
  await picture("undo", '[data-key="changes"]', 'section[data-key="servers"]');
  stage.load(0);
  await severalBackends();
  shrinkAndCheck();
} catch (error) {
  console.error(error);
  console.error(stage.logs().split("\n").slice(-20).join("\n"));
  process.exitCode = 1;
} finally {
  await browser.close();
  await stage.end();
}

/** A list in which one needs somebody: seen before it is chosen. */
async function severalBackends() {
  const many = await Stage.start({ ...PROGRAMS, backends: ["shop", "api", "images"] });
  try {
    const { page } = await openPage(browser, many);
    many.load(30);
    many.load(20, "/api");
    many.load(12, "/images");
    await sleep(125_000);
    many.load(150, "/api");
    await until("a rush", async () => /slow|short/.test((await many.backend("api")).state), 60_000);
    await page.reload();
    await until("the list", async () => await page.locator("#backends svg.spark").count() === 3);
    await page.waitForSelector("#curve svg");
    await page.screenshot({ path: path("backends") });
  } finally {
    await many.end();
  }
}

/** Pictures are in everybody's clone: those that are too large are a failure. */
function shrinkAndCheck() {
  let all = 0;
  for (const name of readdirSync(FOLDER).filter((it) => it.endsWith(".png"))) {
    writeFileSync(join(FOLDER, name), shrunk(readFileSync(join(FOLDER, name))));
    const { size } = statSync(join(FOLDER, name));
    console.log(`${String(Math.round(size / 1000)).padStart(5)} kB  ${name}`);
    assert.ok(size <= ONE_BYTES_MAX, `${name} is too large`);
    all += size;
  }
  assert.ok(all <= ALL_BYTES_MAX, `together they are too large: ${all}`);
}

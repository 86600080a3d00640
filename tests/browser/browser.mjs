// The browser: Chromium, which may ask nobody but the daemon, and whatever it complains about is kept.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const { BINARY, CHROMIUM, HAPROXY, MODULES } = process.env;
const load = createRequire(join(MODULES, "none.js"));
const { chromium } = load("playwright-core");
const AXE = readFileSync(load.resolve("axe-core/axe.min.js"), "utf8");

export const PROGRAMS = { binary: BINARY, haproxy: HAPROXY };
export const SIZES = { wide: { width: 1280, height: 800 }, narrow: { width: 320, height: 640 } };

export async function openBrowser() {
  return chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu", "--disable-lcd-text"] });
}

/** A page in a tab of its own, with those cookies, after `first` has run in it; `complaints` grows with all that should
 *  not be. */
export async function openPage(browser, stage, { size = "wide", scheme = "light", cookies = [], first = null } = {}) {
  const context = await browser.newContext({ viewport: SIZES[size], colorScheme: scheme, reducedMotion: "reduce" });
  await context.addCookies(cookies);
  const page = await context.newPage();
  if (first) await page.addInitScript(first);
  const complaints = [];
  const policies = new Set();
  let mayFail = false;
  page.on("console", (said) => {
    if (said.type() === "error" && !mayFail) complaints.push(`console: ${said.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`error: ${error.stack}`));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(stage.url)) complaints.push(`asked elsewhere: ${url}`);
    if (url.includes("token") && !url.endsWith(".js")) complaints.push(`a secret in an address: ${url}`);
  });
  page.on("response", (response) => {
    const policy = response.headers()["content-security-policy"];
    if (policy) policies.add(policy);
  });
  await page.goto(stage.url);
  await page.waitForSelector("#next-title");
  return { page, complaints, policies, expectFailures: (is) => { mayFail = is; } };
}

/** What axe-core finds that is serious or critical, in a sentence each. */
export async function axe(page) {
  // Through the debugger, which no policy of a page binds.
  await page.evaluate(AXE);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations.filter((it) => ["serious", "critical"].includes(it.impact))
    .flatMap((it) => it.nodes.map((node) => `${it.id} (${it.impact}): ${node.target.join(" ")}: ${node.failureSummary}`));
}

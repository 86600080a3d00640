// Takes the pictures of `top` for docs/pictures/: two sizes, on a light and on a dark terminal. tmux plays the
// terminal, the browser paints what it holds.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { PROGRAMS, openBrowser } from "./browser.mjs";
import { shrunk } from "./png.mjs";
import { Stage, until } from "./stage.mjs";

const FOLDER = fileURLToPath(new URL("../../docs/pictures/", import.meta.url));
const BYTES_MAX = 150_000;
const SIZES = { small: [80, 24], large: [120, 36] };
/** Colours of a terminal by their numbers in SGR: 31 red, 32 green, 33 yellow, 90 grey. */
const SCHEMES = {
  light: { paper: "#ffffff", ink: "#1b1f24", 31: "#b3261e", 32: "#0a6b3d", 33: "#8a5300", 90: "#59636e" },
  dark: { paper: "#101418", ink: "#e6edf3", 31: "#ff8a80", 32: "#5fd38d", 33: "#f2c14e", 90: "#9aa4af" },
};

class Terminal {
  constructor(stage, name, [columns, rows]) {
    this.at = ["-S", join(stage.folder, `tmux-${name}`), "-f", "/dev/null"];
    const top = `env -u NO_COLOR ${stage.binary} top -c ${stage.config}`;
    this.run("new-session", "-d", "-x", String(columns), "-y", String(rows), top);
  }

  run(...words) {
    return execFileSync("tmux", [...this.at, ...words], { encoding: "utf8" });
  }

  screen() {
    return this.run("capture-pane", "-e", "-p", "-N");
  }

  end() {
    this.run("kill-server");
  }
}

function escaped(text) {
  return text.replace(/[&<>]/g, (letter) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[letter]);
}

/** What a terminal holds, as HTML: letters with their colour, weight and reversal. */
function html(screen, scheme) {
  let style = {};
  const spans = screen.split(/(\x1b\[[\d;]*m)/).map((part) => {
    const codes = /^\x1b\[([\d;]*)m$/.exec(part);
    if (!codes) {
      const ink = scheme[style.ink] ?? scheme.ink;
      const [colour, ground] = style.reversed ? [scheme.paper, ink] : [ink, scheme.paper];
      const weight = style.bold ? "font-weight:700;" : "";
      return part ? `<span style="color:${colour};background:${ground};${weight}">${escaped(part)}</span>` : "";
    }
    // The sixteen first colours have two numbers each.
    const short = codes[1].replace(/38;5;(\d+)/g, (_, colour) => (colour < 8 ? 30 + Number(colour) : 82 + Number(colour)));
    for (const code of short.split(";").map(Number)) {
      if (code === 0) style = {};
      else if (code === 1) style = { ...style, bold: true };
      else if (code === 22) style = { ...style, bold: false };
      else if (code === 7) style = { ...style, reversed: true };
      else if (code === 27) style = { ...style, reversed: false };
      else if (code === 49) continue; // The ground as it is.
      else if (code === 39) style = { ...style, ink: undefined };
      else style = { ...style, ink: code };
    }
    return "";
  });
  return `<body style="margin:0;background:${scheme.paper}"><pre style="margin:0;padding:12px;width:max-content;\
font:14px/18px 'DejaVu Sans Mono',monospace">${spans.join("")}</pre>`;
}

const stage = await Stage.start({ ...PROGRAMS });
const browser = await openBrowser();
const terminals = [];
try {
  stage.load(38);
  await sleep(20_000);
  stage.load(95);
  await until("both spares", async () => (await stage.backend()).serving === 3, 60_000);
  await sleep(30_000);
  // Opened after all of it: the curve is the daemon's.
  for (const [name, size] of Object.entries(SIZES)) terminals.push([name, new Terminal(stage, name, size)]);
  for (const [size, terminal] of terminals) {
    await until("the last hour", () => /last 5 min/.test(terminal.screen()));
    const screen = terminal.screen();
    assert.match(screen, /next:/);
    for (const [scheme, colours] of Object.entries(SCHEMES)) {
      const page = await browser.newPage();
      await page.setContent(html(screen, colours));
      const path = join(FOLDER, `top-${size}-${scheme}.png`);
      await page.locator("pre").screenshot({ path });
      writeFileSync(path, shrunk(readFileSync(path)));
      assert.ok(statSync(path).size <= BYTES_MAX, `${path} is too large`);
      await page.close();
    }
  }
} catch (error) {
  console.error(error);
  console.error(stage.logs().split("\n").slice(-20).join("\n"));
  process.exitCode = 1;
} finally {
  for (const [, terminal] of terminals) terminal.end();
  await browser.close();
  await stage.end();
}

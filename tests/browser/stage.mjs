// A real HAProxy under load with three servers, and the daemon beside it: what the page is looked at with.
// Everything is on loopback, in a folder of its own, and ends with this process.

import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export const TOKEN = "0123456789abcdef0123456789abcdef";
/** One server serves so many at once, each for so long: 67 requests a second. */
const SLOTS = 4;
const SERVICE_MS = 60;

/** Waits until `holds` gives something. */
export async function until(what, holds, limitMs = 20_000) {
  const end = Date.now() + limitMs;
  for (;;) {
    const found = await Promise.resolve().then(holds).catch(() => null);
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${limitMs / 1000} s for ${what}`);
    await sleep(50);
  }
}

/** Ports that were free a moment ago: HAProxy and the daemon want theirs named before they start. */
async function freePorts(count) {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => resolve(server));
  })));
  const ports = servers.map((it) => it.address().port);
  await Promise.all(servers.map((it) => new Promise((resolve) => it.close(resolve))));
  return ports;
}

function serve(name) {
  const server = http.createServer((request, response) => {
    setTimeout(() => {
      response.writeHead(200, { "X-Server": name });
      response.end("hello\n");
    }, request.url === "/health" ? 1 : SERVICE_MS);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

export class Stage {
  static async start({ binary, haproxy, mode = "act", more = "", spares = 2, backends = ["web"], idleTimeout = "5m" }) {
    const stage = new Stage();
    stage.folder = mkdtempSync(join(tmpdir(), "page-"));
    stage.binary = binary;
    stage.children = [];
    const [front, api, log] = await freePorts(3);
    Object.assign(stage, { front, api, backends });
    stage.servers = [];
    const sections = [];
    for (const backend of backends) {
      const lines = [];
      for (let number = 1; number <= spares + 1; number += 1) {
        const server = await serve(`${backend}${number}`);
        stage.servers.push(server);
        const disabled = number > 1 ? " disabled" : "";
        lines.push(`    server ${backend}${number} 127.0.0.1:${server.address().port} maxconn ${SLOTS} check inter 200ms${disabled}`);
      }
      sections.push(`backend ${backend}\n    balance leastconn\n${lines.join("\n")}\n`);
    }
    const rules = backends.slice(1).map((it) => `    use_backend ${it} if { path_beg /${it} }`).join("\n");
    stage.admin = join(stage.folder, "admin.sock");
    writeFileSync(join(stage.folder, "haproxy.cfg"), `global
    log 127.0.0.1:${log} local0
    stats socket ${stage.admin} mode 600 level admin
    maxconn 2000
defaults
    mode http
    log global
    option httplog
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    timeout queue 20s
frontend fe
    bind 127.0.0.1:${front}
${rules}
    default_backend ${backends[0]}
${sections.join("")}`);
    const token = join(stage.folder, "token");
    writeFileSync(token, `ops ${TOKEN}\n`);
    chmodSync(token, 0o640);
    const tables = backends.map((it) => `[backend.${it}]
always_up = ["${it}1"]
response_time = "200ms"
window = "1s"
idle_timeout = "${idleTimeout}"
[backend.${it}.warm_up]
path = "/health"
`);
    stage.config = join(stage.folder, "config.toml");
    stage.control = join(stage.folder, "control.sock");
    writeFileSync(stage.config, `mode = "${mode}"
[haproxy]
socket = "${stage.admin}"
poll_interval = "500ms"
[log]
source = "udp:127.0.0.1:${log}"
[control]
socket = "${stage.control}"
[state]
dir = "${join(stage.folder, "state")}"
[http]
listen = "127.0.0.1:${api}"
token_file = "${token}"
${tables.join("")}${more}`);
    stage.haproxy = stage.spawn(haproxy, ["-db", "-f", join(stage.folder, "haproxy.cfg")], "haproxy.log");
    await until("HAProxy", () => stage.command("show info"));
    await stage.startDaemon();
    return stage;
  }

  spawn(program, args, log) {
    const out = openSync(join(this.folder, log), "a");
    const child = spawn(program, args, { stdio: ["ignore", out, out] });
    this.children.push(child);
    return child;
  }

  get url() {
    return `http://127.0.0.1:${this.api}/`;
  }

  async startDaemon() {
    this.daemon = this.spawn(this.binary, ["run", "-c", this.config], "daemon.log");
    await until("the daemon", async () => (await this.ask("/api/v1/status")).haproxy.connected);
  }

  async stopDaemon() {
    const ended = new Promise((resolve) => this.daemon.once("exit", resolve));
    this.daemon.kill("SIGTERM");
    await ended;
  }

  /** What the daemon keeps on disk is gone. */
  forget() {
    rmSync(join(this.folder, "state"), { recursive: true, force: true });
  }

  /** JSON that the daemon serves. */
  async ask(path) {
    const answer = await fetch(new URL(path, this.url));
    return answer.json();
  }

  async backend(name = this.backends[0]) {
    return (await this.ask("/api/v1/status")).backends.find((it) => it.name === name);
  }

  /** Gives an order on the command line. */
  async order(...words) {
    const child = spawn(this.binary, [...words, "-c", this.config], { stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    child.stdout.on("data", (data) => { text += data; });
    child.stderr.on("data", (data) => { text += data; });
    const code = await new Promise((resolve) => child.once("exit", resolve));
    if (code !== 0) throw new Error(`${words.join(" ")}: ${text}`);
    return text;
  }

  /** What HAProxy answers to a command on its admin socket. */
  command(line) {
    return new Promise((resolve, reject) => {
      const socket = net.createConnection(this.admin, () => socket.end(`${line}\n`));
      let text = "";
      socket.on("data", (data) => { text += data; });
      socket.on("close", () => resolve(text));
      socket.on("error", reject);
    });
  }

  /** How HAProxy itself shows a server, such as `MAINT` or `UP`. */
  async stateOf(server, backend = this.backends[0]) {
    const rows = (await this.command(`show stat`)).split("\n").map((it) => it.split(","));
    const row = rows.find((it) => it[0] === backend && it[1] === server);
    return row?.[17] ?? "none";
  }

  /** So many requests a second from now on. */
  load(perSecond, path = "/") {
    clearInterval(this.loads?.get(path)?.timer);
    this.loads ??= new Map();
    if (perSecond === 0) return this.loads.delete(path);
    const agent = new http.Agent({ keepAlive: false, maxSockets: 400 });
    let due = Date.now();
    const timer = setInterval(() => {
      // As many as the clock says: a timer is late under load.
      for (let sent = 0; due <= Date.now() && sent < 50; sent += 1) {
        due += 1000 / perSecond;
        const request = http.get({ host: "127.0.0.1", port: this.front, path, agent }, (it) => it.resume());
        request.on("error", () => {});
      }
    }, 5);
    this.loads.set(path, { timer });
  }

  logs() {
    return readFileSync(join(this.folder, "daemon.log"), "utf8");
  }

  async end() {
    for (const { timer } of this.loads?.values() ?? []) clearInterval(timer);
    const ended = this.children.filter((it) => it.exitCode === null && it.signalCode === null)
      .map((it) => new Promise((resolve) => { it.once("exit", resolve); it.kill("SIGTERM"); }));
    await Promise.all(ended);
    for (const server of this.servers) {
      server.closeAllConnections();
      server.close();
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

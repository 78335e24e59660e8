/** A JupyterLab server for tests: on loopback, with a port and a token of its own, and without any setting of this machine's user. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const STARTUP_MS = 60_000;

export interface Jupyter { url: string; token: string; stop(): Promise<void> }

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((listening) => server.once("listening", listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Where Jupyter keeps what it writes; all of it inside `home`. No question about news either: it covers cells. */
function userFolders(home: string): Record<string, string> {
  const settings = join(home, "settings");
  const notifications = join(settings, "@jupyterlab", "apputils-extension");
  mkdirSync(notifications, { recursive: true });
  writeFileSync(join(notifications, "notification.jupyterlab-settings"), '{ "fetchNews": "false", "checkForUpdates": false }');
  return {
    JUPYTER_CONFIG_DIR: join(home, "config"),
    JUPYTER_DATA_DIR: join(home, "data"),
    JUPYTER_RUNTIME_DIR: join(home, "runtime"),
    JUPYTERLAB_SETTINGS_DIR: settings,
    JUPYTERLAB_WORKSPACES_DIR: join(home, "workspaces"),
  };
}

/** Starts .venv's JupyterLab (or TUNELAB_JUPYTER's) with the checkout as its root; resolves when it answers. */
export async function startJupyter(): Promise<Jupyter> {
  const jupyter = process.env.TUNELAB_JUPYTER ?? resolve(".venv/bin/jupyter");
  if (!existsSync(jupyter)) throw new Error(`${jupyter} is missing: run \`npm run setup\`, or name a jupyter in TUNELAB_JUPYTER`);
  const home = mkdtempSync(join(tmpdir(), "tunelab-lab-"));
  const [port, token] = [await freePort(), randomBytes(16).toString("hex")];
  const options = ["--ip=127.0.0.1", `--port=${port}`, "--ServerApp.port_retries=0", `--ServerApp.root_dir=${resolve(".")}`];
  const quiet = ["--no-browser", "--allow-root", "--log-level=WARN", "--LabApp.extension_manager=readonly"];
  const env = { ...process.env, ...userFolders(home), JUPYTER_TOKEN: token };
  const server = spawn(jupyter, ["lab", ...options, ...quiet], { env, stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  server.stderr.on("data", (part) => (log += part));
  const exited = new Promise((exit) => server.once("exit", exit));
  const stop = async () => {
    server.kill("SIGTERM"); // Jupyter ends its kernels first
    await exited;
    rmSync(home, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  const answers = () => fetch(`${url}/api/status?token=${token}`).then((answer) => answer.ok, () => false);
  for (const end = Date.now() + STARTUP_MS; !(await answers()); await sleep(200)) {
    if (server.exitCode === null && Date.now() < end) continue;
    await stop();
    throw new Error(`JupyterLab did not start:\n${log.slice(-2000)}`);
  }
  return { url, token, stop };
}

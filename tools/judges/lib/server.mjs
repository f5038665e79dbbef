import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const BINARY =
  process.env.JUDGES_SERVER ??
  fileURLToPath(new URL('../../../target/debug/dev', import.meta.url));

/** Whatever a test forgets to stop must not outlive it. */
const alive = new Set();
process.on('exit', () => alive.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

/** A child process that ends with this one, at the latest. */
export function child(command, args, options) {
  const process = spawn(command, args, options);
  alive.add(process);
  process.on('exit', () => alive.delete(process));
  return process;
}

/**
 * `cargo dev` on a free port, with a store and an environment of its own: credentials in the shell that
 * runs the judges would make it ring real phones.
 */
export async function startServer({ pace = 'instant', store, env = {} } = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'judges-'));
  const file = store ?? path.join(folder, 'calls.db');
  const server = child(BINARY, [], {
    cwd: folder,
    env: {
      PORT: '0',
      RUST_LOG: 'trace',
      SIMULATED_PACE: pace,
      STORE_URL: `sqlite:${file}`,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let log = '';
  server.stderr.setEncoding('utf8').on('data', (text) => (log += text));
  const gone = once(server, 'close');
  const base = await new Promise((resolve, reject) => {
    server.once('error', () => reject(new Error(`cannot run ${BINARY}: cargo build -p dev`)));
    gone.then(([code]) => reject(new Error(`the server ended with ${code}: ${log}`)), reject);
    server.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
      const greeting = /^close-loop listens on (http:\/\/\S+)\r?\n/.exec(output);
      if (greeting) resolve(greeting[1]);
    });
  });
  const end = async (signal) => {
    server.kill(signal);
    await gone;
  };
  return {
    base,
    store: file,
    log: () => log,
    numbers: new Set(),
    /** As a power cut: no time to write anything. */
    kill: () => end('SIGKILL'),
    stop: async () => {
      if (server.exitCode === null && server.signalCode === null) await end('SIGKILL');
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

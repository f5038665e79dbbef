import { spawnSync } from 'node:child_process';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { child } from './server.mjs';
import { AUTH_TOKEN } from './simulated.mjs';

export const PYTHON = process.env.JUDGES_PYTHON ?? 'python3';

/** Why there is no judge from Twilio's Python SDK, if there is none. */
export function missingPython() {
  const check = 'from importlib.metadata import version; print(version("twilio"))';
  const found = spawnSync(PYTHON, ['-c', check], { encoding: 'utf8' });
  if (found.status === 0) return undefined;
  return `${PYTHON} has no package twilio (pip install -r tools/judges/requirements.txt, JUDGES_PYTHON)`;
}

/** Starts Twilio's Python SDK. */
export function startPython() {
  const script = fileURLToPath(new URL('sign.py', import.meta.url));
  const process = child(PYTHON, ['-u', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = readline.createInterface({ input: process.stdout })[Symbol.asyncIterator]();
  const read = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('the Python SDK ended');
    return JSON.parse(value);
  };
  const ready = read();
  /** Jobs of one caller at a time: the answers come in order. */
  const all = async (jobs) => {
    await ready;
    process.stdin.write(`${JSON.stringify(jobs)}\n`);
    return read();
  };
  const sign = async (url, params, token = AUTH_TOKEN) =>
    (await all([{ do: 'sign', url, params, token }]))[0];
  return { all, sign, stop: () => process.kill('SIGKILL') };
}

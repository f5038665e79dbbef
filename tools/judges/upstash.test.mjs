// Upstash's own client judges the REST shim that stands in for Upstash in the tests of the stores.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Redis } from '@upstash/redis';
import { skip } from './lib/missing.mjs';
import { child } from './lib/server.mjs';

const BINARY =
  process.env.JUDGES_KV_REST ?? fileURLToPath(new URL('../../target/debug/kv-rest', import.meta.url));

let shim;
let missing;

/** The shim with a redis-server of its own, until its input closes. */
async function startShim() {
  const process = child(BINARY, ['--token', 'a-token-of-the-judge'], { stdio: ['pipe', 'pipe', 'inherit'] });
  let output = '';
  const line = await new Promise((resolve, reject) => {
    process.once('error', () => reject(new Error(`cannot run ${BINARY}: cargo build -p stores`)));
    process.once('exit', (code) => reject(new Error(`the shim ended with ${code}`)));
    process.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
      if (output.includes('\n')) resolve(output);
    });
  });
  return { ...JSON.parse(line), process };
}

function missingPart() {
  if (!fs.existsSync(BINARY)) return `${BINARY} is missing (cargo build -p stores)`;
  try {
    execFileSync(process.env.REDIS_SERVER ?? 'redis-server', ['--version'], { stdio: 'ignore' });
  } catch {
    return 'redis-server is missing (apt-get install redis-server)';
  }
}

before(async () => {
  missing = missingPart();
  if (!missing) shim = await startShim();
});
after(() => shim?.process.stdin.end());

/** A test with the official client, in each of the two ways strings can travel. */
function judge(name, work) {
  for (const responseEncoding of ['base64', false]) {
    test(`${name} (${responseEncoding || 'plain'})`, async (t) => {
      if (missing) return skip(t, missing);
      const redis = new Redis({
        url: shim.url,
        token: shim.token,
        responseEncoding,
        enableTelemetry: false,
        retry: false,
      });
      await redis.flushdb();
      await work(redis);
    });
  }
}

judge('texts, numbers and nothing come back', async (redis) => {
  for (const text of ['plain', 'OK', 'Zoë & “co” \u{1f4de}', '', '["no json']) {
    assert.equal(await redis.set('key', text), 'OK');
    assert.equal(await redis.get('key'), text);
  }
  assert.equal(await redis.set('key', 7, { ex: 60, nx: true }), null);
  assert.equal(await redis.incrby('count', 3), 3);
  assert.equal(await redis.get('nothing'), null);
  assert.equal(await redis.ping(), 'PONG');
  assert.equal(await redis.ttl('count'), -1);
});

judge('hashes and sorted sets come back', async (redis) => {
  assert.equal(await redis.hset('hash', { a: 'eins', b: 'zwei' }), 2);
  assert.equal(await redis.hsetnx('hash', 'a', 'two'), 0);
  assert.deepEqual(await redis.hgetall('hash'), { a: 'eins', b: 'zwei' });
  assert.equal(await redis.hgetall('nothing'), null);
  await redis.zadd('set', { score: 2, member: 'two' }, { score: 1, member: 'one' });
  assert.deepEqual(await redis.zrange('set', 0, -1), ['one', 'two']);
  assert.deepEqual(await redis.zrange('set', 0, 0, { withScores: true }), ['one', 1]);
});

judge('a transaction is all or nothing', async (redis) => {
  const done = await redis.multi().hsetnx('call', 'e', 'body').expire('call', 60).hgetall('call').exec();
  assert.deepEqual(done, [1, 1, { e: 'body' }]);
  // A command that does not exist throws the whole of it away.
  const { status, body } = await fetchJson('/multi-exec', [['SET', 'never', 'written'], ['NOSUCH']]);
  assert.equal(status, 400);
  assert.match(body.error, /unknown command/i);
  assert.equal(await redis.get('never'), null);
});

judge('a pipeline answers each of its commands', async (redis) => {
  const [first, second] = await redis.pipeline().set('a', '1').get('a').exec();
  assert.deepEqual([first, second], ['OK', 1]);
  const { status, body } = await fetchJson('/pipeline', [['SET', 'a', 'x'], ['INCR', 'a'], ['GET', 'a']]);
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(body[1]), ['error']);
  assert.deepEqual([body[0], body[2]], [{ result: 'OK' }, { result: 'x' }]);
});

judge('a script runs', async (redis) => {
  assert.equal(await redis.eval('return redis.call("SET", KEYS[1], ARGV[1])', ['key'], ['value']), 'OK');
  assert.deepEqual(await redis.eval('return {KEYS[1], 2, {ARGV[1]}}', ['key'], ['x']), ['key', 2, ['x']]);
  await assert.rejects(redis.eval('return nothing.at.all', [], []), /ERR/);
});

judge('an error of Redis is an error of the client', async (redis) => {
  await redis.set('text', 'x');
  await assert.rejects(redis.incr('text'), /not an integer/);
});

judge('a wrong token opens nothing', async () => {
  const stranger = new Redis({ url: shim.url, token: 'a-wrong-token', enableTelemetry: false, retry: false });
  await assert.rejects(stranger.get('key'), /nauthorized|401/);
  assert.equal((await fetchJson('/', ['GET', 'key'], 'a-wrong-token')).status, 401);
});

/** A request as no client sends it. */
async function fetchJson(path, body, token = shim.token) {
  const answer = await fetch(`${shim.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() };
}

test('numbers and booleans are texts to Redis', async (t) => {
  if (missing) return skip(t, missing);
  assert.deepEqual((await fetchJson('/', ['SET', 'n', 7])).body, { result: 'OK' });
  assert.deepEqual((await fetchJson('/', ['GET', 'n'])).body, { result: '7' });
  assert.deepEqual((await fetchJson('/', ['SET', 'b', true])).body, { result: 'OK' });
  assert.deepEqual((await fetchJson('/', ['GET', 'b'])).body, { result: 'true' });
});

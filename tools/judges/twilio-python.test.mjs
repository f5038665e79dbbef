// Twilio's Python SDK signs, our endpoints judge: all of what is genuine, nothing that was touched.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { look } from './lib/calls.mjs';
import { request } from './lib/http.mjs';
import { assertDiscreet } from './lib/log.mjs';
import { skip } from './lib/missing.mjs';
import { each } from './lib/poll.mjs';
import { missingPython, startPython } from './lib/python.mjs';
import { CALL_NUMBERS, SAMPLES } from './lib/samples.mjs';
import { startServer } from './lib/server.mjs';
import { AUTH_TOKEN } from './lib/simulated.mjs';

const missing = missingPython();
const FORM = 'application/x-www-form-urlencoded; charset=UTF-8';
let server;
let python;

before(async () => {
  if (missing) return;
  python = startPython();
  server = await startServer();
  CALL_NUMBERS.forEach((number) => server.numbers.add(number));
});
after(async () => {
  python?.stop();
  await server?.stop();
});

/** A test that needs the Python SDK. */
const judged = (name, run) => test(name, (t) => (missing ? skip(t, missing) : run(t)));

const hex = (bytes) => randomBytes(bytes).toString('hex');
const pairsOf = (body) => [...new URLSearchParams(body)];

async function send({ url, body, signature, type = FORM }) {
  const headers = { 'content-type': type, 'x-twilio-signature': signature };
  if (signature === undefined) delete headers['x-twilio-signature'];
  return request(url, { method: 'POST', headers, body });
}

/** A genuine webhook, signed by the SDK. */
async function webhook(name) {
  const [endpoint, params] = SAMPLES[name];
  const callSid = `CA${hex(16)}`;
  const url = `${server.base}/api/twilio/${endpoint}?callId=${hex(16)}`;
  const body = new URLSearchParams(params(callSid)).toString();
  return { endpoint, callSid, url, body, signature: await python.sign(url, pairsOf(body)) };
}

/** Every byte of `text` from `from` on, with each of `bytes` in its place. */
function changes(text, bytes, from = 0) {
  const places = Array.from(text.slice(from), (_, at) => from + at);
  return places.flatMap((at) =>
    bytes
      .filter((byte) => byte !== text[at])
      .map((byte) => ({ at, text: text.slice(0, at) + byte + text.slice(at + 1) })),
  );
}

async function assertAccepted(genuine) {
  const answer = await send(genuine);
  assert.equal(answer.status, genuine.endpoint === 'voice' ? 200 : 204, answer.text());
  if (genuine.endpoint === 'voice') {
    assert.match(answer.headers['content-type'], /^text\/xml/);
    assert.match(answer.text(), /<Response><Connect><Stream .*conversation_id/);
  }
  const found = await look(server, `callSid=${genuine.callSid}`);
  assert.equal(found.status, 200, 'what is accepted is written');
}

/** Refuses all of them, and nothing of the call is known afterwards. */
async function assertRefused(forgeries, callSid) {
  await each(forgeries, 24, async (forgery) => {
    const { status } = await send(forgery);
    if (status !== 403) assert.fail(`${status} for ${JSON.stringify(forgery)}`);
  });
  const found = await look(server, `callSid=${callSid}`);
  assert.equal(found.status, 404, 'what is refused leaves nothing behind');
}

/** What the SDK itself would still take: for the algorithm `a=b` and `ab=` are the same. */
async function splitByJudge({ url, signature }, bodies) {
  const job = { do: 'validate', url, signature, token: AUTH_TOKEN };
  const verdicts = await python.all(bodies.map(({ text }) => ({ ...job, params: pairsOf(text) })));
  const those = (verdict) => bodies.filter((_, at) => verdicts[at] === verdict);
  return { taken: those(true), refused: those(false) };
}

for (const name of Object.keys(SAMPLES)) {
  judged(`${name}: accepted as the Python SDK signed it, refused with any one byte changed`, async () => {
    const genuine = await webhook(name);
    const { url, body, signature, callSid } = genuine;
    const { taken, refused } = await splitByJudge(genuine, changes(body, ['0', '&']));
    const places = new Set(refused.map(({ at }) => at));
    assert.equal(places.size, body.length, 'a forgery for every byte of the body');
    const urls = changes(url, ['0', 'f', 'Q', '&', '%'], url.indexOf('?') + 1);
    const signatures = changes(signature, ['A', 'z', '+', '/', '=', '-']);
    const forgeries = [
      ...refused.map(({ text }) => ({ ...genuine, body: text })),
      ...urls.map(({ text }) => ({ ...genuine, url: text })),
      ...signatures.map(({ text }) => ({ ...genuine, signature: text })),
    ];
    await assertRefused(forgeries, callSid);
    await assertAccepted(genuine);
    for (const { text } of taken) {
      const { status } = await send({ ...genuine, body: text });
      assert.notEqual(status, 403, `the SDK takes what we refuse: ${text}`);
    }
  });
}

judged('a signature without parameters, of another token, twice, or missing is refused everywhere', async () => {
  for (const name of ['the voice webhook', 'the status initiated', 'a completed recording']) {
    const genuine = await webhook(name);
    const { url, body, signature, callSid } = genuine;
    const others = await Promise.all([
      python.sign(url, []),
      python.sign(url, pairsOf(body), 'another-token'),
      python.sign(url, pairsOf(body).slice(1)),
      python.sign(url, [...pairsOf(body), ['Extra', 'x']]),
      python.sign(url.replace(/\?.*/, ''), pairsOf(body)),
      python.sign(url.replace('http:', 'https:'), pairsOf(body)),
      python.sign(url.replace('127.0.0.1', 'localhost'), pairsOf(body)),
    ]);
    const headers = [undefined, '', [signature, signature], [signature, others[0]], ...others];
    const forgeries = headers.map((header) => ({ ...genuine, signature: header }));
    forgeries.push({ ...genuine, type: 'text/plain' }, { ...genuine, type: 'application/json' });
    forgeries.push({ ...genuine, url: `${url}&a=b` }, { ...genuine, url: url.replace(/\?.*/, '') });
    await assertRefused(forgeries, callSid);
    await assertAccepted(genuine);
  }
});

judged('the last characters of a signature cannot be written in another way', async () => {
  const genuine = await webhook('the status initiated');
  const base64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const { signature } = genuine;
  const variants = Array.from(base64, (sign) => `${signature.slice(0, 26)}${sign}=`);
  variants.push(signature.slice(0, 27), `${signature}=`, signature.replace('=', '%3D'));
  const forged = variants.filter((variant) => variant !== signature);
  await assertRefused(forged.map((variant) => ({ ...genuine, signature: variant })), genuine.callSid);
});

judged('the Python SDK may leave out the port, as Twilio does over https, and repeat a name', async () => {
  const { callSid, url, body } = await webhook('the status initiated');
  const repeated = `${body}&Digits=2&Digits=1&Digits=2`;
  const withoutPort = url.replace(/:\d+\//, '/');
  for (const [signed, sent] of [[withoutPort, body], [url, repeated]]) {
    const signature = await python.sign(signed, pairsOf(sent));
    assert.equal((await send({ url, body: sent, signature })).status, 204);
  }
  assert.equal((await look(server, `callSid=${callSid}`)).status, 200);
});

judged('a JSON body is believed by its hash in the signed URL and not without it', async () => {
  const body = JSON.stringify({ CallSid: `CA${hex(16)}`, CallStatus: 'completed' });
  const hash = createHash('sha256').update(body).digest('hex');
  const url = `${server.base}/api/twilio/status?bodySHA256=${hash}`;
  const type = 'application/json';
  const signature = await python.sign(url, []);
  const [valid] = await python.all([{ do: 'validate', url, body, signature, token: AUTH_TOKEN }]);
  assert.equal(valid, true);
  // Believed, and then no callback: Twilio's callbacks about calls are forms.
  assert.equal((await send({ url, body, type, signature })).status, 400);
  for (const { text } of changes(body, ['0', 'q'])) {
    assert.equal((await send({ url, body: text, type, signature })).status, 403);
  }
});

judged('no line of the log holds a number, a token or a key', () => assertDiscreet(server));

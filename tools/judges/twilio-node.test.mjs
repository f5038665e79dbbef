// Twilio's Node SDK judges the simulated Twilio: its REST interface, its refusals, its signatures.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import twilio from 'twilio';
import { startApp } from './lib/app.mjs';
import { request } from './lib/http.mjs';
import { assertDiscreet } from './lib/log.mjs';
import { until } from './lib/poll.mjs';
import { startServer } from './lib/server.mjs';
import { AGENT_ID, API_KEY, AUTH_TOKEN, PHONE_NUMBER } from './lib/simulated.mjs';
import { twilioClient } from './lib/twilio.mjs';

let server;
let app;
let client;

before(async () => {
  server = await startServer();
  app = await startApp();
  client = twilioClient(server);
});
after(() => Promise.all([server?.stop(), app?.close()]));

/** TwiML of the simulated ElevenLabs, with a status callback on the stream. */
async function agentTwiml(streamCallback) {
  const url = `${server.base}/simulated/elevenlabs/v1/convai/twilio/register-call`;
  const body = JSON.stringify({ agent_id: AGENT_ID, from_number: PHONE_NUMBER, to_number: '+12125550141' });
  const headers = { 'xi-api-key': API_KEY, 'content-type': 'application/json' };
  const answer = await request(url, { method: 'POST', headers, body });
  assert.equal(answer.status, 200, answer.text());
  return answer.text().replace('<Stream ', `<Stream statusCallback="${streamCallback}" `);
}

async function call(to, options) {
  server.numbers.add(to);
  return client.calls.create({ to, from: PHONE_NUMBER, ...options });
}

/** No `x`: the SDK also tries the URL as `new URL` writes it, and `127.0x0.1` is 127.0.0.1 again. */
const other = (text, at) => {
  const instead = text[at] === 'q' ? 'z' : 'q';
  return text.slice(0, at) + instead + text.slice(at + 1);
};

/** The SDK throws at a URL that is none (a changed scheme or host): that is a refusal, too. */
function accepts({ signature, url, params }) {
  try {
    return twilio.validateRequest(AUTH_TOKEN, signature, url, params);
  } catch (error) {
    assert.equal(error.code, 'ERR_INVALID_URL');
    return false;
  }
}

/** Accepted as it came, refused after a change of any one character of url, value or signature. */
function assertSigned(webhook) {
  const { url, params, signature, path } = webhook;
  assert.ok(accepts(webhook), `${path} is refused as it came`);
  assert.ok(!twilio.validateRequest('other', signature, url, params), `${path}: another token`);
  for (let at = 0; at < url.length; at += 1) {
    assert.ok(!accepts({ ...webhook, url: other(url, at) }), `${path}: url changed at ${at}`);
  }
  for (let at = 0; at < signature.length; at += 1) {
    const changed = { ...webhook, signature: other(signature, at) };
    assert.ok(!accepts(changed), `${path}: signature changed at ${at}`);
  }
  for (const [name, value] of Object.entries(params)) {
    const values = [`${value}x`, ...Array.from(value, (_, at) => other(value, at))];
    for (const changed of values) {
      assert.ok(!accepts({ ...webhook, params: { ...params, [name]: changed } }), `${path}: ${name}`);
    }
    const { [name]: _, ...fewer } = params;
    assert.ok(!accepts({ ...webhook, params: fewer }), `${path}: without ${name}`);
  }
  assert.ok(!accepts({ ...webhook, params: { ...params, Extra: 'x' } }), `${path}: one more`);
}

test("Twilio's Node SDK places a call, and accepts every webhook of it and no altered one", async () => {
  const body = await agentTwiml(`${app.base}/stream?callId=7`);
  app.answers['/voice'] = { status: 200, type: 'text/xml', body };
  const created = await call('+12125550141', {
    url: `${app.base}/voice?callId=7&text=a%20b+c%C3%A4`,
    statusCallback: `${app.base}/status?callId=7#rc=2&rp=ct,rt,5xx`,
    statusCallbackEvent: ['initiated', 'ringing', 'answered', 'completed'],
    record: true,
    recordingChannels: 'dual',
    recordingStatusCallback: `${app.base}/recording#rc=2`,
    recordingStatusCallbackEvent: ['in-progress', 'completed', 'absent'],
    machineDetection: 'Enable',
    asyncAmd: 'true',
    asyncAmdStatusCallback: `${app.base}/amd`,
    timeout: 20,
    timeLimit: 600,
  });
  assert.match(created.sid, /^CA[0-9a-f]{32}$/);
  assert.equal(created.status, 'queued');
  assert.equal(created.to, '+12125550141');
  const ended = await until('the call is over', async () => {
    const now = await client.calls(created.sid).fetch();
    return now.status === 'completed' && now;
  });
  assert.equal(ended.direction, 'outbound-api');
  assert.equal(ended.answeredBy, 'human');
  assert.ok(Number(ended.duration) > 0);
  assert.ok(ended.startTime <= ended.endTime);

  const last = (webhook) => webhook.path === '/recording' && webhook.params.RecordingStatus === 'completed';
  await until('the recording is told', () => app.webhooks.some(last));
  const told = (path, name) => app.webhooks.filter((it) => it.path === path).map((it) => it.params[name]);
  assert.deepEqual(told('/status', 'CallStatus'), ['initiated', 'ringing', 'in-progress', 'completed']);
  assert.deepEqual(told('/status', 'SequenceNumber'), ['0', '1', '2', '3']);
  assert.deepEqual(told('/voice', 'CallStatus'), ['in-progress']);
  assert.deepEqual(told('/recording', 'RecordingStatus'), ['in-progress', 'completed']);
  assert.deepEqual(told('/amd', 'AnsweredBy'), ['human']);
  assert.deepEqual(told('/stream', 'StreamEvent'), ['stream-started', 'stream-stopped']);
  for (const webhook of app.webhooks) {
    assert.equal(webhook.params.CallSid, created.sid);
    assert.equal(webhook.method, 'POST');
    assert.ok(!webhook.url.includes('#'), 'a connection override never leaves Twilio');
    assertSigned(webhook);
  }
  const queries = app.webhooks.map((webhook) => new URL(webhook.url).search);
  assert.ok(queries.includes('?callId=7&text=a%20b+c%C3%A4'), 'a query arrives as configured');
});

test("Twilio's Node SDK accepts a webhook by GET and one to the fallback address", async () => {
  app.answers['/broken'] = { status: 500, type: 'text/plain', body: 'no' };
  app.answers['/fallback'] = { status: 200, type: 'text/xml', body: '<Response><Hangup/></Response>' };
  const { sid } = await call('+12125550142', {
    url: `${app.base}/broken?a=%2B1`,
    fallbackUrl: `${app.base}/fallback`,
    statusCallback: `${app.base}/ended?a=b`,
    statusCallbackMethod: 'GET',
  });
  const of = (path) => app.webhooks.find((it) => it.path === path);
  await until('the call is told over', () => of('/ended'));
  assert.equal(of('/fallback').params.ErrorCode, '11200');
  assert.equal(of('/fallback').params.ErrorUrl, `${app.base}/broken?a=%2B1`);
  assert.equal(of('/ended').method, 'GET');
  assert.deepEqual(of('/ended').params, {});
  assert.equal(new URL(of('/ended').url).searchParams.get('CallSid'), sid);
  for (const path of ['/broken', '/fallback', '/ended']) assertSigned(of(path));
});

test("Twilio's Node SDK hangs up a call and finds it in the list", async () => {
  app.answers['/long'] = { status: 200, type: 'text/xml', body: '<Response/>' };
  const { sid } = await call('+12125550143', { from: '+15005550006', url: `${app.base}/long` });
  const changed = await client.calls(sid).update({ status: 'canceled' });
  assert.equal(changed.status, 'canceled');
  const listed = await client.calls.list({ to: '+12125550143', limit: 5 });
  assert.deepEqual(listed.map((it) => it.sid), [sid]);
});

test("Twilio's Node SDK reads every refusal as a RestException with Twilio's code", async () => {
  const url = `${app.base}/voice`;
  const good = { to: '+12125550144', from: PHONE_NUMBER, url };
  const refused = [
    [400, 21211, { ...good, to: '12125550144' }],
    [400, 21211, { ...good, to: PHONE_NUMBER }],
    [400, 21212, { ...good, from: '+15005550001' }],
    [400, 21210, { ...good, from: '+12125550145' }],
    [400, 21214, { ...good, to: '+15005550002' }],
    [400, 21215, { ...good, to: '+15005550003' }],
    [400, 21216, { ...good, to: '+15005550004' }],
    [400, 21217, { ...good, to: '+15005550001' }],
    [400, 21205, { ...good, url: '/voice' }],
    [400, 21205, { to: good.to, from: good.from }],
    [400, 21208, { ...good, timeout: 601 }],
    [400, 21234, { ...good, machineDetection: 'Perhaps' }],
    [400, 21609, { ...good, statusCallback: 'status' }],
  ];
  const isRefusal = (status, code) => (error) => {
    assert.ok(error instanceof twilio.RestException, String(error));
    assert.deepEqual([error.status, error.code], [status, code]);
    assert.equal(error.moreInfo, `https://www.twilio.com/docs/errors/${code}`);
    return true;
  };
  for (const [status, code, options] of refused) {
    await assert.rejects(client.calls.create(options), isRefusal(status, code));
  }
  const stranger = twilioClient(server, { token: 'wrong' });
  await assert.rejects(stranger.calls.create(good), isRefusal(401, 20003));
  const unknown = client.calls(`CA${'0'.repeat(32)}`);
  await assert.rejects(unknown.fetch(), isRefusal(404, 20404));
  assert.deepEqual(await client.calls.list({ to: good.to }), [], 'nothing was dialled');
});

test('the log of a server that only simulates holds no number and no secret', () => {
  assertDiscreet(server, { atLeast: 0 });
});

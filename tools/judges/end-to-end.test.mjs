// Our own endpoints over real HTTP: dial, follow, listen, and survive a power cut.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { callThat, dial, dialled, look, OUR_PAGE, OVER } from './lib/calls.mjs';
import { request } from './lib/http.mjs';
import { assertDiscreet } from './lib/log.mjs';
import { startServer } from './lib/server.mjs';
import { ACCOUNT_SID, AUTH_TOKEN } from './lib/simulated.mjs';
import { twilioClient } from './lib/twilio.mjs';

const MIB = 1024 * 1024;
const servers = [];
let server;

async function start(options) {
  const started = await startServer(options);
  servers.push(started);
  return started;
}
before(async () => (server = await start()));
after(() => Promise.all(servers.map((it) => it.stop())));

const recorded = (call) => OVER.includes(call.status) && call.recording?.status === 'completed';

function listen(on, callSid, format, range) {
  const url = `${on.base}/api/twilio/recording?callSid=${callSid}&format=${format}`;
  return request(url, { headers: { ...OUR_PAGE, ...(range && { range }) } });
}

/** What Twilio itself has, to compare with. */
async function original(on, recordingSid, extension) {
  const path = `/2010-04-01/Accounts/${ACCOUNT_SID}/Recordings/${recordingSid}.${extension}`;
  const basic = Buffer.from(`${ACCOUNT_SID}:${AUTH_TOKEN}`).toString('base64');
  const headers = { authorization: `Basic ${basic}` };
  const answer = await request(`${on.base}/simulated/twilio${path}`, { headers });
  assert.equal(answer.status, 200);
  return answer.bytes;
}

/** The whole recording, part by part, as a player fetches it. */
async function inParts(on, callSid, format, step) {
  const parts = [];
  let at = 0;
  for (;;) {
    const answer = await listen(on, callSid, format, `bytes=${at}-${step ? at + step - 1 : ''}`);
    assert.equal(answer.status, 206);
    const [, start, end, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(answer.headers['content-range']).map(Number);
    assert.equal(start, at);
    assert.equal(end - start + 1, answer.bytes.length);
    assert.ok(answer.bytes.length <= 4 * MIB, 'at most 4 MiB at a time');
    parts.push(answer.bytes);
    at = end + 1;
    if (at === total) return Buffer.concat(parts);
  }
}

test('a call is dialled, talks to the agent, is recorded, and is told by Twilio and by us alike', async () => {
  const placed = await dialled(server, '+12125550151');
  assert.match(placed.callId, /^[0-9a-f]{32}$/);
  const call = await callThat(server, placed.callId, 'over and recorded', recorded);
  assert.equal(call.status, 'completed');
  assert.equal(call.callSid, placed.callSid);
  assert.match(call.conversationId, /^conv_/);
  assert.match(call.to, /^\+\*+51$/, 'a number is masked');
  assert.ok(call.durationSeconds > 0);
  assert.deepEqual(call.diagnosis, []);
  const events = call.timeline.map((entry) => entry.event);
  for (const event of ['dialling', 'initiated', 'ringing', 'agent-connected', 'completed']) {
    assert.ok(events.includes(event), `${event} in ${events}`);
  }
  const twilio = await twilioClient(server).calls(placed.callSid).fetch();
  assert.equal(twilio.status, call.status);
  assert.equal(Number(twilio.duration), call.durationSeconds);
  const bySid = await look(server, `callSid=${placed.callSid}`);
  assert.deepEqual(bySid.json(), call);
});

test('the recording plays as MP3 and as WAV, whole and in ranges, byte for byte as Twilio has it', async () => {
  const { callId, callSid } = await dialled(server, '+12125550152');
  const { recording } = await callThat(server, callId, 'over and recorded', recorded);
  const types = { mp3: 'audio/mpeg', wav: 'audio/x-wav' };
  for (const [format, type] of Object.entries(types)) {
    const truth = await original(server, recording.recordingSid, format);
    const whole = await listen(server, callSid, format);
    assert.equal(whole.status, 200);
    assert.ok(whole.headers['content-type'].replace('x-', '') === type.replace('x-', ''));
    assert.equal(whole.headers['accept-ranges'], 'bytes');
    assert.ok(whole.bytes.equals(truth), format);
    assert.ok((await inParts(server, callSid, format, 10_007)).equals(truth), `${format} in parts`);
    const end = await listen(server, callSid, format, 'bytes=-10');
    assert.equal(end.status, 206);
    assert.ok(end.bytes.equals(truth.subarray(-10)));
    const beyond = await listen(server, callSid, format, `bytes=${truth.length}-`);
    assert.equal(beyond.status, 416);
    assert.equal(beyond.headers['content-range'], `bytes */${truth.length}`);
  }
  const wav = await listen(server, callSid, 'wav');
  assert.equal(wav.bytes.toString('latin1', 0, 4), 'RIFF');
  assert.equal(wav.bytes.readUInt32LE(4), wav.bytes.length - 8);
  assert.equal(wav.bytes.toString('latin1', 8, 12), 'WAVE');
  const mp3 = await listen(server, callSid, 'mp3');
  assert.equal(mp3.bytes.readUInt16BE(0) & 0xffe0, 0xffe0, 'an MPEG frame begins with eleven ones');
});

test('a recording over 4 MiB comes in parts of at most 4 MiB', async () => {
  const { callId, callSid } = await dialled(server, '+12125550108');
  const { recording } = await callThat(server, callId, 'over and recorded', recorded);
  const truth = await original(server, recording.recordingSid, 'wav');
  assert.ok(truth.length > 4 * MIB);
  assert.ok((await inParts(server, callSid, 'wav')).equals(truth));
  const unasked = await listen(server, callSid, 'wav');
  assert.equal(unasked.status, 400);
  assert.equal(JSON.parse(unasked.bytes).reason, 'range_required');
});

test('what becomes of a call is told for every way it can end', async () => {
  const ends = { '01': 'busy', '02': 'no-answer', '03': 'failed', '06': 'canceled' };
  for (const [digits, status] of Object.entries(ends)) {
    const { callId } = await dialled(server, `+121255502${digits}`);
    const call = await callThat(server, callId, 'over', (it) => OVER.includes(it.status));
    assert.equal(call.status, status);
  }
  const lost = await dial(server, '+12125550205');
  assert.equal(lost.status, 502);
  assert.equal(lost.json().reason, 'twilio_unknown_outcome');
  const call = await callThat(server, lost.json().callId, 'over', (it) => OVER.includes(it.status));
  assert.equal(call.status, 'completed', 'a call whose reply was lost is followed by its callId');
  const refused = await dial(server, '+15005550003');
  assert.equal(refused.status, 502);
  assert.deepEqual([refused.json().reason, refused.json().code], ['twilio_rejected', 21215]);
});

test('with a signed URL the call ends at once with 31921, as it does on live calls', async () => {
  const signed = await start({ env: { ELEVENLABS_CONNECT: 'signed-url' } });
  const { callId, callSid } = await dialled(signed, '+12125550153');
  const call = await callThat(signed, callId, 'over', (it) => OVER.includes(it.status));
  assert.equal(call.conversationId, null);
  assert.ok(call.durationSeconds < 2);
  const told = await twilioClient(signed).calls(callSid).notifications.list();
  assert.deepEqual(told.map((it) => it.errorCode), ['31921']);
});

test('a server killed in the middle of a call still knows it after a new start', async () => {
  const first = await start({ pace: 'real-time' });
  const { callId, callSid } = await dialled(first, '+12125550154');
  const running = await callThat(first, callId, 'under way', (it) => it.status === 'ringing');
  await first.kill();
  const second = await start({ store: first.store });
  assert.notEqual(second.base, first.base);
  const found = await look(second, `callId=${callId}`);
  assert.equal(found.status, 200, found.text());
  const call = found.json();
  assert.equal(call.callSid, callSid);
  assert.ok(!OVER.includes(call.status));
  const events = (it) => it.timeline.map((entry) => entry.event);
  assert.deepEqual(events(call).slice(0, events(running).length), events(running), 'nothing is lost');
  assert.deepEqual((await look(second, `callSid=${callSid}`)).json(), call);
});

test('a recording still plays after the server was killed and started again', async () => {
  const first = await start();
  const { callId, callSid } = await dialled(first, '+12125550155');
  await callThat(first, callId, 'over and recorded', recorded);
  const before = await listen(first, callSid, 'mp3');
  await first.kill();
  const second = await start({ store: first.store });
  const again = await listen(second, callSid, 'mp3');
  assert.equal(again.status, 200, again.text());
  assert.ok(again.bytes.equals(before.bytes));
});

test('no line of any of these logs holds a number, a token, a key or a signed URL', () => {
  const talkative = servers.filter((it) => it.log());
  assert.ok(talkative.length >= 4);
  talkative.forEach((it) => assertDiscreet(it));
});

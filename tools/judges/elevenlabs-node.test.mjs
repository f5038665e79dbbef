// ElevenLabs' JavaScript SDK judges the simulated ElevenLabs: what it answers and how it refuses.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ElevenLabs, ElevenLabsClient, ElevenLabsError } from '@elevenlabs/elevenlabs-js';
import { setFaults } from './lib/calls.mjs';
import { assertDiscreet } from './lib/log.mjs';
import { startServer } from './lib/server.mjs';
import { AGENT_ID, API_KEY, PHONE_NUMBER } from './lib/simulated.mjs';

const TO = '+12125550161';
const CALL = { agentId: AGENT_ID, fromNumber: PHONE_NUMBER, toNumber: TO, direction: 'outbound' };
let server;
let agents;

/** Without retries: a refusal must be seen as it is. */
function client(apiKey = API_KEY) {
  const baseUrl = `${server.base}/simulated/elevenlabs`;
  return new ElevenLabsClient({ apiKey, baseUrl, maxRetries: 0 }).conversationalAi;
}

before(async () => {
  server = await startServer();
  server.numbers.add(TO);
  agents = client();
});
after(() => server?.stop());

/** The two calls our voice endpoint can make. */
const both = (api, agentId = AGENT_ID, options = {}) => [
  () => api.twilio.registerCall({ ...CALL, agentId }, options),
  () => api.conversations.getSignedUrl({ agentId }, options),
];

/** An error of the SDK's own, with its status and ElevenLabs' `detail`. */
const isRefusal = (status, check, type = ElevenLabsError) => (error) => {
  assert.ok(error instanceof type, String(error));
  assert.equal(error.statusCode, status);
  const body = typeof error.body === 'string' ? JSON.parse(error.body) : error.body;
  check(body.detail);
  return true;
};

const word = (status) => (detail) => assert.equal(detail.status, status);

test("ElevenLabs' SDK registers a call and gets TwiML that names the conversation and no query", async () => {
  const twiml = await agents.twilio.registerCall(CALL);
  assert.match(twiml, /<Response><Connect><Stream [^>]*url="wss:\/\/[^"?]+"/);
  assert.match(twiml, /<Parameter name="conversation_id" value="conv_[0-9a-z]{28}"/);
  const another = await agents.twilio.registerCall(CALL);
  assert.notEqual(another, twiml);
});

test("ElevenLabs' SDK sends dynamic variables where the simulator wants them", async () => {
  const conversationInitiationClientData = {
    dynamicVariables: { name: 'Zoë', visits: 3, regular: true },
  };
  const twiml = await agents.twilio.registerCall({ ...CALL, conversationInitiationClientData });
  assert.match(twiml, /conversation_id/);
});

test("ElevenLabs' SDK gets a signed URL", async () => {
  const { signedUrl } = await agents.conversations.getSignedUrl({ agentId: AGENT_ID });
  const url = new URL(signedUrl);
  assert.equal(url.protocol, 'wss:');
  assert.equal(url.searchParams.get('agent_id'), AGENT_ID);
  assert.match(url.searchParams.get('conversation_signature'), /^cvtkn_/);
  const named = await agents.conversations.getSignedUrl({ agentId: AGENT_ID, includeConversationId: true });
  assert.match(new URL(named.signedUrl).searchParams.get('conversation_id'), /^conv_/);
});

test("ElevenLabs' SDK reads a wrong key as 401 and an unknown agent as 404", async () => {
  for (const ask of both(client('wrong'))) {
    await assert.rejects(ask, isRefusal(401, word('invalid_api_key')));
  }
  for (const ask of both(agents, 'agent_nobody')) {
    await assert.rejects(ask, isRefusal(404, word('agent_not_found')));
  }
});

test("ElevenLabs' SDK reads 422 as its UnprocessableEntityError, with a list of places", async () => {
  await setFaults(server, { elevenlabs: { answer: 'unprocessable' } });
  const list = ([first]) => {
    assert.ok(Array.isArray(first.loc));
    assert.equal(typeof first.msg, 'string');
    assert.equal(typeof first.type, 'string');
  };
  for (const ask of both(agents)) {
    await assert.rejects(ask, isRefusal(422, list, ElevenLabs.UnprocessableEntityError));
  }
});

test("ElevenLabs' SDK reads every fault that can be set as the error it stands for", async () => {
  const faults = {
    unauthorized: [401, 'missing_permissions'],
    not_found: [404, 'agent_not_found'],
    rate_limited: [429, 'rate_limit_exceeded'],
    concurrency: [429, 'concurrent_limit_exceeded'],
  };
  for (const [answer, [status, name]] of Object.entries(faults)) {
    await setFaults(server, { elevenlabs: { answer } });
    for (const ask of both(agents)) await assert.rejects(ask, isRefusal(status, word(name)));
  }
  await setFaults(server, { elevenlabs: { answer: 'server_error' } });
  for (const ask of both(agents)) {
    await assert.rejects(ask, (error) => error instanceof ElevenLabsError && error.statusCode === 500);
  }
  await setFaults(server, { elevenlabs: { answer: 'hang_up' } });
  // After a broken connection the SDK leaves its timer running: a short one lets this process end.
  for (const ask of both(agents, AGENT_ID, { timeoutInSeconds: 1 })) {
    await assert.rejects(ask, (error) => error instanceof ElevenLabsError && !error.statusCode);
  }
  await setFaults(server, {});
  for (const ask of both(agents)) await ask();
});

test('the log of a server that only simulates holds no number, no key and no signed URL', () => {
  assertDiscreet(server, { atLeast: 0 });
});

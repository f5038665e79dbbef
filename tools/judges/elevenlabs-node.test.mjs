// ElevenLabs' JavaScript SDK judges the simulated ElevenLabs: what it answers, how it refuses, and the
// history of its conversations.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ElevenLabs, ElevenLabsClient, ElevenLabsError } from '@elevenlabs/elevenlabs-js';
import { GetConversationResponseModel as Schema } from '@elevenlabs/elevenlabs-js/serialization/types/GetConversationResponseModel.js';
import { callThat, dialled, OVER, setFaults } from './lib/calls.mjs';
import { request } from './lib/http.mjs';
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
  server = await startServer({ env: { DYNAMIC_VARIABLES: '{"secret__token":"unread"}' } });
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
  for (const ask of both(agents, 'agent_unknown')) {
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

/** The conversation that one simulated call had with the agent. */
async function talk(dynamicVariables) {
  const { callId, callSid } = await dialled(server, TO, { dynamicVariables });
  const call = await callThat(server, callId, 'over', ({ status }) => OVER.includes(status));
  return { id: call.conversationId, callSid };
}

test("ElevenLabs' SDK reads a conversation with all its turns", async () => {
  const { id, callSid } = await talk({ customer_name: 'Zoë' });
  const conversation = await agents.conversations.get(id);
  assert.equal(conversation.conversationId, id);
  assert.equal(conversation.agentId, AGENT_ID);
  assert.equal(conversation.status, 'done');
  const turns = conversation.transcript;
  assert.deepEqual(turns.map(({ role }) => role), ['agent', 'user', 'agent', 'agent', 'user', 'agent', 'user']);
  assert.match(turns[0].message, /^Hello Zoë, /);
  assert.equal(turns[2].message, undefined);
  assert.equal(turns[2].toolCalls[0].toolName, turns[2].toolResults[0].toolName);
  assert.deepEqual(turns.map(({ timeInCallSecs }) => timeInCallSecs), [0, 2, 2, 2, 4, 4, 6]);
  const { metadata } = conversation;
  assert.equal(metadata.callDurationSecs, 6);
  assert.equal(metadata.error, undefined);
  assert.equal(metadata.phoneCall.type, 'twilio');
  assert.equal(metadata.phoneCall.callSid, callSid);
  const variables = conversation.conversationInitiationClientData.dynamicVariables;
  assert.equal(variables.customer_name, 'Zoë');
  assert.equal(variables.system__call_sid, callSid);
  assert.ok(!JSON.stringify(conversation).includes('secret__token'));
});

test("ElevenLabs' SDK knows every member of a conversation, in each of its states", async () => {
  const known = async (id, status) => {
    const url = `${server.base}/simulated/elevenlabs/v1/convai/conversations/${id}`;
    const answer = (await request(url, { headers: { 'xi-api-key': API_KEY } })).json();
    assert.equal(answer.status, status);
    const { ok, errors } = Schema.parse(answer, { unrecognizedObjectKeys: 'fail' });
    assert.ok(ok, JSON.stringify(errors));
  };
  const registered = await agents.twilio.registerCall(CALL);
  const [waiting] = /conv_[0-9a-z]{28}/.exec(registered);
  await known(waiting, 'initiated');
  await setFaults(server, { elevenlabs: { startWithinMs: 0 } });
  await known(waiting, 'failed');
  await setFaults(server, { elevenlabs: { conversations: 'stuck' } });
  const { id } = await talk();
  await known(id, 'in-progress');
  await setFaults(server, { elevenlabs: { processingReads: 1 } });
  await known(id, 'processing');
  await known(id, 'done');
  await setFaults(server, {});
});

test("ElevenLabs' SDK reads why a conversation never began", async () => {
  await setFaults(server, { elevenlabs: { requiredVariables: ['customer_name'] } });
  const { id } = await talk();
  await setFaults(server, {});
  const { status, transcript, metadata } = await agents.conversations.get(id);
  assert.equal(status, 'done');
  assert.deepEqual(transcript, []);
  assert.equal(metadata.terminationReason, 'Conversation initialization failed');
  assert.equal(metadata.error.code, 1008);
  assert.equal(metadata.error.reason, "Missing required dynamic variables in first message: {'customer_name'}");
});

test("ElevenLabs' SDK reads each fault of a conversation, and a huge one", async () => {
  await assert.rejects(agents.conversations.get('conv_nothing'), isRefusal(404, word('conversation_not_found')));
  const { id } = await talk();
  const faults = {
    unauthorized: [401, 'missing_permissions'],
    not_found: [404, 'conversation_not_found'],
    rate_limited: [429, 'rate_limit_exceeded'],
  };
  for (const [conversations, [status, name]] of Object.entries(faults)) {
    await setFaults(server, { elevenlabs: { conversations } });
    await assert.rejects(agents.conversations.get(id), isRefusal(status, word(name)));
  }
  const withStatus = (status) => (error) => error instanceof ElevenLabsError && error.statusCode === status;
  const broken = {
    server_error: withStatus(500),
    nonsense: /Missing required key "agent_id"/,
    truncated: /Missing required key "agent_id"/,
    hang_up: withStatus(undefined),
  };
  for (const [conversations, expected] of Object.entries(broken)) {
    await setFaults(server, { elevenlabs: { conversations } });
    await assert.rejects(agents.conversations.get(id, {}, { timeoutInSeconds: 1 }), expected, conversations);
  }
  await setFaults(server, { elevenlabs: { conversations: 'huge' } });
  const { transcript } = await agents.conversations.get(id);
  assert.ok(transcript.length > 1000);
  await setFaults(server, {});
});

test('the log of the server holds no number, no key and no signed URL', () => {
  assertDiscreet(server);
});

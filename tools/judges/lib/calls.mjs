import assert from 'node:assert/strict';
import { request } from './http.mjs';
import { until } from './poll.mjs';

/** What a browser says when our own page reads. */
export const OUR_PAGE = { 'sec-fetch-site': 'same-origin' };
export const OVER = ['completed', 'busy', 'failed', 'no-answer', 'canceled'];

/** Presses Call. */
export async function dial(server, to, more = {}) {
  server.numbers.add(to);
  const headers = { origin: server.base, 'content-type': 'application/json' };
  const body = JSON.stringify({ to, ...more });
  return request(`${server.base}/api/twilio/make-call`, { method: 'POST', headers, body });
}

/** Presses Call and expects it to work. */
export async function dialled(server, to, more) {
  const answer = await dial(server, to, more);
  assert.equal(answer.status, 200, answer.text());
  return answer.json();
}

/** `callId=...` or `callSid=...`; with neither, the newest calls. */
export async function look(server, query = '') {
  return request(`${server.base}/api/twilio/status?${query}`, { headers: OUR_PAGE });
}

/** Waits until the call satisfies `wanted`. */
export async function callThat(server, callId, what, wanted) {
  return until(`${what}, call ${callId}`, async () => {
    const answer = await look(server, `callId=${callId}`);
    assert.equal(answer.status, 200, answer.text());
    const call = answer.json();
    return wanted(call) && call;
  });
}

/** What is to go wrong from now on. */
export async function setFaults(server, faults) {
  const url = `${server.base}/simulated/control`;
  const headers = { 'content-type': 'application/json' };
  const answer = await request(url, { method: 'PUT', headers, body: JSON.stringify(faults) });
  assert.equal(answer.status, 200, answer.text());
}

import assert from 'node:assert/strict';
import { ACCOUNT_SID, API_KEY, AUTH_TOKEN, PHONE_NUMBER } from './simulated.mjs';

const basic = Buffer.from(`${ACCOUNT_SID}:${AUTH_TOKEN}`).toString('base64');

/** No line of a server's log, at `RUST_LOG=trace`, holds what must not be logged. */
export function assertDiscreet(server, { atLeast = 1, secrets = [] } = {}) {
  const lines = server.log().split('\n').filter(Boolean);
  assert.ok(lines.length >= atLeast, 'a log without a line proves nothing');
  const digits = [PHONE_NUMBER, ...server.numbers].map((number) => number.replace(/\D/g, ''));
  const forbidden = {
    'a phone number': digits.map((number) => number.slice(-10)),
    'the auth token': [AUTH_TOKEN, basic],
    'the API key': [API_KEY],
    'a secret of this run': secrets,
    'a signed URL': ['conversation_signature=', 'cvtkn_'],
  };
  for (const line of lines) {
    assert.doesNotThrow(() => JSON.parse(line), `not one JSON object: ${line}`);
    for (const [what, texts] of Object.entries(forbidden)) {
      for (const text of texts) {
        assert.ok(!line.includes(text), `${what} in the log: ${line}`);
      }
    }
  }
}

// Twilio's Node and Python SDKs and crates/twilio-signature judge the same random requests. Wherever the
// two official ones agree, so do we.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import twilio from 'twilio';
import { skip } from './lib/missing.mjs';
import { missingPython, PYTHON } from './lib/python.mjs';
import { makeRequest, withoutFragment, withoutUser } from './lib/requests.mjs';
import { dice } from './lib/seeded.mjs';
import { child } from './lib/server.mjs';

const SEED = Number(process.env.JUDGES_SEED ?? 20261122);
const TOTAL = Number(process.env.JUDGES_REQUESTS ?? 120_000);
const OURS =
  process.env.JUDGES_SIGNATURE ??
  fileURLToPath(new URL('../../target/debug/examples/signature-verdicts', import.meta.url));
const missing = missingPython();

/** Requests in, verdicts out, through one process. */
async function judgedBy(command, args, requests) {
  const process = child(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  let output = '';
  process.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  const closed = once(process, 'close');
  process.stdin.end(requests.map((request) => `${JSON.stringify(request)}\n`).join(''));
  const [code] = await closed;
  const verdicts = output.split('\n').slice(0, -1);
  assert.equal(code, 0, `${command} ended with ${code}`);
  assert.equal(verdicts.length, requests.length, `${command} left requests out`);
  return verdicts.map((verdict) => verdict === '1');
}

/** As a framework hands a form to the SDK. */
function parameters(body) {
  const all = Object.create(null);
  for (const [name, value] of new URLSearchParams(body)) (all[name] ??= []).push(value);
  for (const name of Object.keys(all)) if (all[name].length === 1) [all[name]] = all[name];
  return all;
}

function judgedByNode({ url, body, is_form, signature, tokens }) {
  const valid = (token) => {
    try {
      return is_form
        ? twilio.validateRequest(token, signature, url, parameters(body))
        : twilio.validateRequestWithBody(token, signature, url, body);
    } catch (error) {
      // It throws at a URL that is none.
      assert.equal(error.code, 'ERR_INVALID_URL');
      return false;
    }
  };
  return tokens.some(valid);
}

/**
 * What Twilio signs of a URL: it drops fragment and user info, which the SDKs leave to their caller. So the
 * SDKs are asked about these.
 */
const signedUrls = ({ url }) => [...new Set([withoutFragment(url), withoutUser(withoutFragment(url))])];

/** We never change a URL's case; both SDKs write the scheme small. */
const isDocumented = ({ url, ours }) => !ours && /^HTTPS/.test(url);

/** What must be among the accepted, or the requests were not odd enough. */
const ODD = {
  'a port': ({ url }) => /:\d+([/?#]|$)/.test(url),
  'user info': ({ url }) => /\/\/[^/?#]+@/.test(url),
  'a fragment': ({ url }) => url.includes('#'),
  IPv6: ({ url }) => url.includes('//['),
  'a percent sign': ({ url }) => url.includes('%'),
  'a trailing slash': ({ url }) => url.endsWith('/'),
  'a JSON body': ({ is_form }) => !is_form,
  'a repeated name': ({ is_form, body }) => {
    const names = [...new URLSearchParams(body).keys()];
    return is_form && new Set(names).size < names.length;
  },
  'an empty value': ({ is_form, body }) => is_form && [...new URLSearchParams(body).values()].includes(''),
  'two tokens': ({ tokens }) => tokens.length === 2,
};

const count = (list, is) => list.filter(is).length;

test(`Twilio's Node and Python SDKs and we agree about ${TOTAL} random requests`, async (t) => {
  if (missing) return skip(t, missing);
  const random = dice(SEED);
  const requests = Array.from({ length: TOTAL }, () => makeRequest(random));
  const variants = requests.flatMap((request) => signedUrls(request).map((url) => ({ ...request, url, request })));
  const [python, ours] = await Promise.all([
    judgedBy(PYTHON, [fileURLToPath(new URL('lib/verdicts.py', import.meta.url))], variants),
    judgedBy(OURS, [], requests),
  ]);
  const believed = { node: new Set(), python: new Set() };
  variants.forEach((variant, at) => {
    if (judgedByNode(variant)) believed.node.add(variant.request);
    if (python[at]) believed.python.add(variant.request);
  });
  const agreed = requests
    .map((request, at) => ({ ...request, ours: ours[at], both: believed.node.has(request), python: believed.python.has(request) }))
    .filter(({ both, python }) => both === python);
  const differing = agreed.filter(({ both, ours }) => both !== ours);
  const differences = differing.filter((it) => !isDocumented(it));
  const accepted = agreed.filter(({ both, ours }) => both && ours);
  const figures = [
    `seed ${SEED}: ${TOTAL} requests, the SDKs agree about ${agreed.length}`,
    `both accept ${count(agreed, ({ both }) => both)}, both refuse ${count(agreed, ({ both }) => !both)}`,
    `we accept ${count(agreed, (it) => it.ours)}, we refuse ${count(agreed, (it) => !it.ours)}`,
    `${differing.length - differences.length} refused for the case of the scheme, as documented`,
    `${differences.length} differences`,
  ];
  figures.forEach((line) => console.log(line));
  const shown = differences.slice(0, 20).map(({ url, body, signature, ours }) => ({ url, body, signature, ours }));
  assert.deepEqual(shown, [], `${differences.length} differences`);
  assert.ok(agreed.length > TOTAL * 0.9, 'the SDKs hardly agree');
  assert.ok(accepted.length > TOTAL * 0.2, 'hardly anything is accepted');
  for (const [what, is] of Object.entries(ODD)) {
    assert.ok(count(accepted, is) > TOTAL / 1000, `hardly anything accepted has ${what}`);
  }
});

// The drive of the page that exists: a person presses its buttons, and every request that it sends is
// compared with what such a page sends.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { until } from './poll.mjs';

export const EXISTING_PAGE = fs.readFileSync(new URL('../existing-page.html', import.meta.url), 'utf8');

const DIAL = '/api/twilio/make-call';
const TRANSCRIPT = '/api/elevenlabs/get-transcript';
/** The page sets none but the first, and the browser the second. */
const HEADERS = ['content-type', 'origin', 'authorization', 'cookie', 'idempotency-key', 'x-requested-with'];
/** The states of a conversation, in the order in which they come. */
const STATES = ['pending', 'initiated', 'in-progress', 'processing', 'done', 'failed'];

export const CAMPAIGN = {
  campaignName: 'Autumn offer',
  campaignDescription: 'Two months for one',
  leadName: 'Ada Example',
  leadAbout: 'Asked for a quote in May',
};

/**
 * Opens the page where it is served, at `/` of an address. `serve` puts it at an address that does not
 * serve it itself. `seconds` is how long each answer may take, not how long it should.
 */
export async function openExistingPage(browser, address, { seconds = 15, serve = false } = {}) {
  const page = await browser.newPage();
  page.setDefaultTimeout(seconds * 1000);
  const { origin } = new URL(address);
  const requests = [];
  const transcripts = [];
  const complaints = [];
  page.on('request', (request) => {
    if (new URL(request.url()).pathname.startsWith('/api/')) requests.push(request);
  });
  page.on('response', async (response) => {
    if (!response.url().includes(TRANSCRIPT) || response.status() !== 200) return;
    transcripts.push(await response.json().catch(() => ({ status: 'unreadable', transcript: [] })));
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  if (serve) await page.route(`${origin}/`, (route) => route.fulfill({ contentType: 'text/html', body: EXISTING_PAGE }));
  await page.clock.install();
  await page.goto(`${origin}/`);
  return { page, origin, seconds, requests, transcripts, complaints };
}

const press = (opened, name) => opened.page.getByRole('button', { name, exact: true }).click();
const text = (opened, id) => opened.page.locator(`#${id}`).textContent();

/** What the page says once it has an answer. */
async function result(opened) {
  await opened.page.locator('#result', { hasText: /^Call (?!ing)/ }).waitFor();
  return (await text(opened, 'result')).split('\n');
}

/** One request as it went out. */
async function sent(request) {
  const all = await request.allHeaders();
  const headers = Object.fromEntries(HEADERS.filter((name) => name in all).map((name) => [name, all[name]]));
  const { pathname, search } = new URL(request.url());
  return { method: request.method(), path: pathname + search, headers, body: request.postData() };
}

/** Presses a button that calls, and expects exactly the request of the original page. */
async function pressToCall(opened, name, number, request) {
  const before = opened.requests.length;
  await opened.page.getByLabel('Phone number').fill(number);
  await press(opened, name);
  const lines = await result(opened);
  const [dial, ...more] = opened.requests.slice(before).filter((it) => it.url().endsWith(DIAL));
  assert.deepEqual(more, [], 'one press, one request');
  assert.deepEqual(await sent(dial), {
    method: 'POST',
    path: DIAL,
    headers: { 'content-type': 'application/json', origin: opened.origin },
    body: JSON.stringify(request),
  });
  return lines;
}

/** Presses Call; gives the lines that a person then reads. */
export const pressCall = (opened, number) => pressToCall(opened, 'Call', number, { to: number });

/** Presses Campaign call; gives the lines that a person then reads. */
export async function pressCampaignCall(opened, number, campaignData = CAMPAIGN) {
  const fields = { Campaign: 'campaignName', 'About the campaign': 'campaignDescription', Lead: 'leadName', 'About the lead': 'leadAbout' };
  for (const [label, name] of Object.entries(fields)) {
    await opened.page.getByLabel(label, { exact: true }).fill(campaignData[name]);
  }
  return pressToCall(opened, 'Campaign call', number, { to: number, campaignData });
}

/** What a person reads of a call that was placed; gives its CallSid. */
export function assertPlaced([status, to, from, callSid, ...more], number) {
  assert.equal(status, 'Call queued', [status, to, from, callSid].join('\n'));
  assert.equal(to, `To ${number}`);
  assert.match(from, /^From \+[1-9]\d{6,14}$/);
  assert.match(callSid, /^CA[0-9a-f]{32}$/);
  assert.deepEqual(more, []);
  return callSid;
}

function assertForward(numbers, what) {
  assert.ok(numbers.every((number, at) => number >= (numbers[at - 1] ?? 0)), `${what}: ${numbers}`);
}

/**
 * Presses Transcript and waits until the page shows a state. Whatever was shown before came in the
 * order of a talk, and no turn was lost again.
 */
export async function readTranscript(opened, callSid, last = 'done') {
  await press(opened, 'Transcript');
  const { page, seconds, requests, transcripts } = opened;
  await page.locator('#state', { hasText: new RegExp(`^${last}$`) }).waitFor();
  await until('the answer itself', () => transcripts.at(-1)?.status === last, { seconds });
  for (const poll of requests.filter((it) => it.url().includes(TRANSCRIPT))) {
    const path = `${TRANSCRIPT}?callSid=${callSid}`;
    assert.deepEqual(await sent(poll), { method: 'GET', path, headers: {}, body: null });
  }
  assertForward(transcripts.map(({ status }) => STATES.indexOf(status)), 'a state comes back');
  assertForward(transcripts.map(({ transcript }) => transcript.length), 'a turn is lost again');
  const { transcript } = transcripts.at(-1);
  const shown = await page.locator('#turns li').allTextContents();
  const speaker = { agent: 'Agent', prospect: 'Prospect' };
  assert.deepEqual(shown, transcript.map((turn) => `${speaker[turn.speaker]} (${turn.timeInCall} s): ${turn.text}`));
  const ids = transcript.map((turn) => turn.id);
  assert.equal(new Set(ids).size, ids.length, 'every turn has an id of its own');
  return shown;
}

/** Once the page has shown `done` it asks no more, however long it stays open. */
async function assertQuiet({ page, requests }) {
  const asked = requests.length;
  await page.clock.fastForward(10_000);
  // A request that was sent before this one is known by now.
  await page.evaluate(() => fetch(location.href));
  assert.equal(requests.length, asked, 'a page that has it all asks no more');
}

/** A talk in which both sides spoke. */
export function assertTalk(turns) {
  for (const speaker of ['Agent', 'Prospect']) {
    assert.ok(turns.some((turn) => turn.startsWith(`${speaker} (`)), `${speaker} in ${turns.join('\n')}`);
  }
}

/**
 * All of it: a call, a campaign call, and the transcript of the latter. `say` gets what a person sees.
 */
export async function driveExistingPage(browser, address, { numbers, seconds, serve, say = () => {} }) {
  const opened = await openExistingPage(browser, address, { seconds, serve });
  try {
    const [one, other] = numbers;
    const plain = await pressCall(opened, one);
    say('Call', plain);
    assertPlaced(plain, one);
    const campaign = await pressCampaignCall(opened, other);
    say('Campaign call', campaign);
    const callSid = assertPlaced(campaign, other);
    const turns = await readTranscript(opened, callSid);
    say('Transcript', turns);
    assertTalk(turns);
    await assertQuiet(opened);
    assert.deepEqual(opened.complaints, []);
    return { callSid, turns, transcript: opened.transcripts.at(-1) };
  } finally {
    await opened.page.close();
  }
}

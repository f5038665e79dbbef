// One wish to call rings one phone once, whenever the answers come and however often a person presses.
import assert from 'node:assert/strict';
import { button, hold, isBack, judge, openPage, pretend, showsStatus, type } from './lib/browser.mjs';
import { assertDiscreet } from './lib/log.mjs';
import { until } from './lib/poll.mjs';
import { twilioClient } from './lib/twilio.mjs';

const DIAL = '**/api/twilio/make-call';
let server;
let browser;
const { start, judged } = judge(async (launched) => {
  browser = launched;
  server = await start();
});

/** The page with a number typed; `dials` is every request for a call that it makes. */
async function open(number, prepare = () => {}) {
  const { page, complaints } = await openPage(browser, server.base);
  const dials = [];
  page.on('request', (request) => request.url().endsWith('/make-call') && dials.push(request));
  await prepare(page);
  await type(server, page, number);
  return { page, complaints, dials };
}

const keys = (requests) => requests.map((request) => request.headers()['idempotency-key']);
const rung = async (to) => (await twilioClient(server).calls.list({ to })).length;

/** Presses the button where it is, whether it can be pressed or not. The second of two is a double click's. */
async function press(page, clickCount = 1) {
  const { x, y, width, height } = await button(page).boundingBox();
  await page.mouse.move(x + width / 2, y + height / 2);
  await page.mouse.down({ clickCount });
  await page.mouse.up({ clickCount });
}

/** Everything that a person may press while the page follows the call. */
async function pressEverything(page) {
  await press(page, 2);
  await press(page);
  await page.getByLabel('Number to call').press('Enter');
}

judged('a press before the answer comes rings nothing more', async () => {
  const { page, dials } = await open('+12125550141');
  const answer = await hold(page, DIAL);
  await press(page);
  await until('the first request', () => answer.asked.length === 1);
  await pressEverything(page);
  answer.letGo();
  await showsStatus(page, 'completed');
  assert.deepEqual([dials.length, await rung('+12125550141')], [1, 1]);
});

judged('a press between the answer and the first state rings nothing more', async () => {
  const { page, dials } = await open('+12125550142');
  const states = await hold(page, '**/api/twilio/status?callId=*');
  await press(page);
  await until('the page asks for the state', () => states.asked.length === 1);
  await pressEverything(page);
  states.letGo();
  await showsStatus(page, 'completed');
  assert.deepEqual([dials.length, await rung('+12125550142')], [1, 1]);
});

for (const [state, number] of Object.entries({ dialling: '43', ringing: '44', 'in-progress': '45', unknown: '46' })) {
  judged(`a press while the page shows ${state} rings nothing more`, async () => {
    const to = `+121255501${number}`;
    const { page, dials } = await open(to);
    const told = await pretend(page, state);
    const asked = page.waitForResponse(/status\?callId/);
    await press(page);
    await asked;
    await showsStatus(page, state);
    await pressEverything(page);
    told.letGo();
    await showsStatus(page, 'completed');
    assert.deepEqual([dials.length, await rung(to)], [1, 1]);
  });
}

judged('the second click of a double click rings nothing more, even if the call is over by then', async () => {
  const { page, dials } = await open('+12125550147');
  await press(page);
  await showsStatus(page, 'completed');
  await isBack(page);
  await press(page, 2);
  // A request that the click made is known once this one is answered.
  await page.evaluate(() => fetch('/'));
  assert.deepEqual([dials.length, await rung('+12125550147')], [1, 1]);
});

judged('a key that is held down rings nothing more, even if the call is over by then', async () => {
  const { page, dials } = await open('+12125550157');
  await page.getByLabel('Number to call').focus();
  await page.keyboard.down('Enter');
  await showsStatus(page, 'completed');
  await isBack(page);
  // It repeats itself.
  await page.keyboard.down('Enter');
  await page.evaluate(() => fetch('/'));
  assert.deepEqual([dials.length, await rung('+12125550157')], [1, 1]);
});

judged('a double click at its own pace rings once', async () => {
  const { page, dials } = await open('+12125550148');
  await button(page).dblclick();
  await showsStatus(page, 'completed');
  assert.deepEqual([dials.length, await rung('+12125550148')], [1, 1]);
});

judged('once the call is over a press is a new wish with a new key', async () => {
  const { page, dials } = await open('+12125550149');
  for (const wish of [1, 2]) {
    await press(page);
    await until('a request', () => dials.length === wish);
    await showsStatus(page, 'completed');
    await isBack(page);
  }
  const [one, other] = keys(dials);
  assert.match(one, /^[0-9a-f-]{36}$/);
  assert.notEqual(one, other);
  assert.equal(await rung('+12125550149'), 2);
});

judged('a refused call gives the button back', async () => {
  const { page, dials } = await open('+15005550003');
  await press(page);
  await page.locator('#status.error', { hasText: 'Geographic' }).waitFor();
  await isBack(page);
  assert.equal(dials.length, 1);
});

/** Ways in which an answer is lost though the call is placed. */
const LOSSES = {
  'the connection breaks': ['51', (route) => route.abort('connectionreset')],
  'something in front of the server gives up': ['52', (route) => route.fulfill({ status: 504, body: '<h1>Gateway Timeout</h1>' })],
  'a gateway speaks JSON of its own': ['53', (route) => route.fulfill({ status: 503, json: { message: 'Service Unavailable' } })],
  'an answer is cut off': ['54', (route) => route.fulfill({ status: 200, body: '{"success":' })],
};

for (const [how, [digits, lose]] of Object.entries(LOSSES)) {
  judged(`a lost answer is asked for again with the same key: ${how}`, async () => {
    const to = `+121255501${digits}`;
    let second;
    const { page, dials } = await open(to, async (page) => {
      second = await hold(page, DIAL);
      await page.route(DIAL, async (route) => {
        await route.fetch();
        await lose(route);
      }, { times: 1 });
    });
    await press(page);
    await page.locator('#status', { hasText: 'asking again' }).waitFor();
    await pressEverything(page);
    second.letGo();
    await showsStatus(page, 'completed');
    const [one, other, ...more] = keys(dials);
    assert.deepEqual([one, more], [other, []]);
    assert.equal(await rung(to), 1);
  });
}

judged('a call that is being placed already is asked for again, until its answer is there', async () => {
  const refusal = { success: false, error: 'The same call is being placed.', reason: 'idempotency_in_flight', message: 'Ask again.' };
  const { page, dials } = await open('+12125550155', (page) =>
    page.route(DIAL, (route) => route.fulfill({ status: 409, json: refusal, headers: { 'retry-after': '1' } }), { times: 1 }));
  await press(page);
  await showsStatus(page, 'completed');
  const [first, second] = keys(dials);
  assert.equal(first, second);
  assert.equal(await rung('+12125550155'), 1);
});

judged('a page that got no answer at all asks with the same key when the person presses again', async () => {
  const { page, dials } = await open('+12125550156', async (page) => {
    await page.clock.install();
    await page.route(DIAL, async (route) => {
      await route.fetch();
      await route.abort();
    });
  });
  await press(page);
  const gaveUp = page.locator('#status.error', { hasText: 'look before you dial again' });
  await until('the page gives up', async () => {
    await page.clock.fastForward(15_000);
    return gaveUp.isVisible();
  });
  await isBack(page);
  await page.unroute(DIAL);
  await press(page);
  await showsStatus(page, 'completed');
  assert.ok(dials.length > 3, `${dials.length} requests`);
  assert.equal(new Set(keys(dials)).size, 1, 'one key');
  assert.equal(await rung('+12125550156'), 1);
});

judged("a call whose outcome is unknown is followed, and the button is back when it is over", async () => {
  const { page, dials } = await open('+12125550105');
  await press(page);
  await showsStatus(page, 'completed');
  await isBack(page);
  assert.equal(dials.length, 1);
});

judged('a call that Twilio has not named for two minutes gives the button back', async () => {
  const { page, dials } = await open('+12125550158', (page) => page.clock.install());
  await pretend(page, 'unknown');
  await press(page);
  await showsStatus(page, 'unknown');
  await page.clock.fastForward(100_000);
  await page.evaluate(() => fetch('/'));
  await pressEverything(page);
  assert.equal(dials.length, 1);
  await page.clock.fastForward(30_000);
  await isBack(page);
});

judged('no line of the log holds a number, a token or a key', () => assertDiscreet(server));

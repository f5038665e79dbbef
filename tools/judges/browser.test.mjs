// A real browser judges the page: what a person sees, and what a stranger's page cannot do.
import assert from 'node:assert/strict';
import { button, judge, openPage, recordingOf, showsStatus, type } from './lib/browser.mjs';
import { look } from './lib/calls.mjs';
import { listen } from './lib/http.mjs';
import { assertDiscreet } from './lib/log.mjs';
import { until } from './lib/poll.mjs';
import { twilioClient } from './lib/twilio.mjs';

let server;
let browser;
const { start, judged: one } = judge(async (launched) => {
  browser = launched;
  // People watch this: at the pace of people, or the page could only ever show the end.
  server = await start({ pace: 'real-time' });
});
const judged = (name, run) => one(name, { concurrency: true }, run);

/** Presses Call; `window.shown` is every text that `#status` has from then on. */
async function press(page, number) {
  await page.evaluate(() => {
    const status = document.getElementById('status');
    window.shown = [];
    const note = () => {
      const text = status.textContent.trim();
      if (window.shown.at(-1) !== text) window.shown.push(text);
    };
    new MutationObserver(note).observe(status, { childList: true, characterData: true, subtree: true });
  });
  await type(server, page, number);
  await button(page).click();
}

const shown = (page) => page.evaluate(() => window.shown);
const timeline = async (page) => (await page.locator('#timeline li').allTextContents()).join('\n');

async function watchAWholeCall() {
  const { page, complaints } = await openPage(browser, server.base);
  await press(page, '+12125550171');
  await showsStatus(page, 'completed');
  const states = await shown(page);
  assert.equal(states[0], 'dialling');
  assert.equal(states.at(-1), 'completed');
  const order = ['dialling', 'ringing', 'in-progress', 'completed'];
  assert.deepEqual(states.filter((state) => order.includes(state)), order, 'each once, in this order');
  const told = await timeline(page);
  for (const event of ['dialling', 'ringing', 'agent-connected', 'completed']) {
    assert.ok(told.includes(event), `${event} in ${told}`);
  }
  assert.ok(!told.includes('5550171'), 'no number on the page');
  const said = page.locator('#transcript li');
  await said.filter({ hasText: 'PersonGoodbye.' }).waitFor();
  assert.match((await said.allTextContents())[0], /^AgentHello there,/);

  const { audio, duration } = await recordingOf(page);
  assert.ok(duration > 3 && duration < 60, `duration ${duration}`);
  await audio.evaluate((element) => element.play());
  assert.ok((await audio.evaluate((element) => element.readyState)) >= 2);
  assert.deepEqual(complaints, []);
}

async function watchABusyCall() {
  // The other name of this machine is an origin of its own, and as good.
  const address = server.base.replace('127.0.0.1', 'localhost');
  const { page, complaints } = await openPage(browser, address);
  await press(page, '+12125550101');
  await showsStatus(page, 'busy');
  assert.match(await timeline(page), /busy/);
  assert.equal(await page.locator('#recording audio').count(), 0);
  assert.deepEqual(complaints, []);
}

async function readRefusals() {
  const { page } = await openPage(browser, server.base);
  const error = page.locator('#status.error');
  await press(page, '+15005550003');
  await error.filter({ hasText: /Geographic permissions do not allow/ }).waitFor();
  assert.match(await error.textContent(), /Enable the country in Twilio's console/, 'and what to do');
  await press(page, '12');
  await error.filter({ hasNotText: /Geographic/ }).waitFor();
  assert.ok((await error.textContent()).trim().length > 10);
}

const AT_ONCE = {
  'a call goes from dialling to completed, and its recording plays': watchAWholeCall,
  'a busy line is shown as busy': watchABusyCall,
  'a refused number says why and what to do': readRefusals,
};

judged('on the page a person sees what becomes of each call', (t) =>
  // Each of them mostly waits for a phone to ring.
  Promise.all(Object.entries(AT_ONCE).map(([name, run]) => t.test(name, run))));

judged('the page runs under a policy that stops inline scripts and styles', async () => {
  const { page, complaints } = await openPage(browser, server.base);
  assert.deepEqual(complaints, [], 'it obeys it');
  await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'document.title = "injected"';
    document.body.append(script);
    document.body.setAttribute('style', 'display: none');
  });
  await until('both complaints', () => complaints.length >= 2);
  for (const what of ['script', 'style']) {
    assert.ok(complaints.some((text) => text.includes('Content Security Policy directive') && text.includes(what)), complaints.join('\n'));
  }
  assert.equal(await page.title(), 'close-loop');
  assert.ok(await button(page).isVisible());
});

judged("a page of another origin can neither dial nor read, whatever it tries", async (t) => {
  const stranger = await listen((_, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>stranger</title>');
  });
  t.after(stranger.close);
  const { page } = await openPage(browser, stranger.base);
  const to = '+12125550172';
  server.numbers.add(to);
  const before = (await look(server)).json().calls.length;
  const tried = await page.evaluate(async ({ base, to }) => {
    const dial = `${base}/api/twilio/make-call`;
    const body = JSON.stringify({ to });
    const json = { 'content-type': 'application/json' };
    const post = { method: 'POST', body };
    const attempts = {
      json: () => fetch(dial, { ...post, headers: json }),
      text: () => fetch(dial, post),
      blind: () => fetch(dial, { ...post, mode: 'no-cors' }),
      token: () => fetch(dial, { ...post, headers: { ...json, authorization: 'Bearer guess' } }),
      list: () => fetch(`${base}/api/twilio/status`),
      recording: () => fetch(`${base}/api/twilio/recording?callSid=CA${'0'.repeat(32)}`),
    };
    const outcome = (attempt) => attempt().then((answer) => `${answer.type} ${answer.status}`, (error) => error.name);
    const entries = Object.entries(attempts).map(async ([name, run]) => [name, await outcome(run)]);
    navigator.sendBeacon(dial, body);
    return Object.fromEntries(await Promise.all(entries));
  }, { base: server.base, to });
  const { blind, ...readable } = tried;
  assert.equal(blind, 'opaque 0');
  for (const [name, outcome] of Object.entries(readable)) assert.equal(outcome, 'TypeError', name);
  // A form of the stranger's page is a navigation: CORS does not stop it, our Origin check does.
  const answer = page.waitForResponse((response) => response.url().includes('make-call'));
  await page.evaluate((base) => {
    const form = document.createElement('form');
    Object.assign(form, { method: 'post', action: `${base}/api/twilio/make-call`, enctype: 'text/plain' });
    document.body.append(form);
    form.submit();
  }, server.base);
  assert.equal((await answer).status(), 403);
  assert.equal((await look(server)).json().calls.length, before, 'nothing is on record');
  assert.deepEqual(await twilioClient(server).calls.list({ to }), [], 'nothing was dialled');
});

judged('no line of the log holds a number, a token or a key', () => assertDiscreet(server));

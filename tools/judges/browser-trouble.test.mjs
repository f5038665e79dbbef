// The page in trouble, in a real browser.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { button, launch, missingBrowser, openPage, recordingOf, showsStatus, type } from './lib/browser.mjs';
import { assertDiscreet } from './lib/log.mjs';
import { skip } from './lib/missing.mjs';
import { until } from './lib/poll.mjs';
import { startServer } from './lib/server.mjs';
import { twilioClient } from './lib/twilio.mjs';

const TOKEN = 'a-token-of-24-characters';
/** A call of 300 s: its WAV has more than the 4 MiB that are served at a time. */
const LONG = '+12125550108';
const missing = missingBrowser();
const servers = [];
let browser;

async function start(options) {
  const server = await startServer(options);
  servers.push(server);
  return server;
}
before(async () => {
  if (!missing) browser = await launch();
});
after(async () => {
  await browser?.close();
  await Promise.all(servers.map((server) => server.stop()));
});

const judged = (name, options, run) =>
  test(name, options, (t) => (missing ? skip(t, missing) : run(t)));

judged('a recording over 4 MiB plays to its end', {}, async () => {
  const server = await start();
  const { page, complaints } = await openPage(browser, server.base);
  await type(server, page, LONG);
  await button(page).click();
  const { audio, duration } = await recordingOf(page);
  assert.equal(duration, 300);
  await audio.evaluate((element) => {
    element.currentTime = 290;
    return new Promise((done) => element.addEventListener('seeked', done));
  });
  assert.ok((await audio.evaluate((element) => element.readyState)) >= 2, 'there is sound at 290 s');
  assert.deepEqual(complaints, []);
});

judged('with a token a recording over 4 MiB plays to its end, too', async () => {
  const server = await start({ env: { MAKE_CALL_TOKEN: TOKEN } });
  const { page } = await openPage(browser, server.base);
  await type(server, page, LONG);
  await page.getByLabel('Token, if one is set').fill(TOKEN);
  await button(page).click();
  const { duration } = await recordingOf(page);
  assert.equal(duration, 300);
});

judged('a page that needs the token does not dial without it, and says why', {}, async () => {
  const server = await start({ env: { MAKE_CALL_TOKEN: TOKEN, ALLOW_ANONYMOUS_DIALLING: 'false' } });
  const { page } = await openPage(browser, server.base);
  await type(server, page, '+12125550173');
  await button(page).click();
  await page.locator('#status.error', { hasText: /MAKE_CALL_TOKEN/ }).waitFor();
  assert.deepEqual(await twilioClient(server).calls.list(), []);
});

judged('a page that may call but not read shows neither a transcript nor a player', async () => {
  const server = await start({ env: { MAKE_CALL_TOKEN: TOKEN, ALLOW_ANONYMOUS_DIALLING: 'true' } });
  const { page } = await openPage(browser, server.base);
  const refused = Promise.all(['get-transcript', 'recording'].map((what) =>
    page.waitForResponse((answer) => answer.url().includes(what) && answer.status() === 401)));
  await type(server, page, '+12125550176');
  await button(page).click();
  await refused;
  await showsStatus(page, 'completed');
  await page.locator('#recording audio').waitFor({ state: 'detached' });
  assert.equal(await page.locator('#transcript li').count(), 0);
});

judged('a number is dialled however a person writes it', async () => {
  const server = await start();
  const { page } = await openPage(browser, server.base);
  // Pasted from a page that marks the direction of a number, and keeps it on one line.
  for (const pasted of ['+1 (212) 555-0177', '\u202d+1\u00a0212\u2011555\u20110177\u202c ']) {
    server.numbers.add(pasted);
    await page.getByLabel('Number to call').fill(pasted);
    await button(page).click();
    await showsStatus(page, 'completed');
    await page.locator('#dial button:enabled').waitFor();
    await page.reload();
  }
  const dials = await twilioClient(server).calls.list();
  assert.deepEqual(dials.map((dial) => dial.to), ['+12125550177', '+12125550177']);
});

judged('a page that loses the server for a moment goes on following the call', async () => {
  const first = await start({ pace: 'real-time' });
  const { page } = await openPage(browser, first.base);
  await type(first, page, '+12125550175');
  await button(page).click();
  await showsStatus(page, 'ringing');
  const lost = page.waitForEvent('requestfailed');
  await first.kill();
  await lost;
  const env = { PORT: new URL(first.base).port };
  await start({ store: first.store, env });
  const asked = () => page.waitForResponse(/status\?callId/, { timeout: 3_000 }).catch(() => false);
  await until('the page asks again', asked, { seconds: 2 });
});

judged('no line of these logs holds a number, a token or a key', {}, () => {
  for (const server of servers) assertDiscreet(server, { atLeast: 0, secrets: [TOKEN] });
});

// The page shows what is said while it is said, to readers who may read it.
import assert from 'node:assert/strict';
import { button, judge, openPage, pretend, showsStatus, type } from './lib/browser.mjs';
import { assertDiscreet } from './lib/log.mjs';
import { until } from './lib/poll.mjs';

const TRANSCRIPT = '**/api/elevenlabs/get-transcript?callId=*';
let server;
let browser;
const { start, judged } = judge(async (launched) => {
  browser = launched;
  server = await start();
});

const turns = (page) => page.locator('#transcript li').allTextContents();
const said = (count) => Array.from({ length: count }, (_, at) =>
  ({ id: String(at), speaker: at % 2 ? 'prospect' : 'agent', text: `Sentence ${at}.`, timeInCall: at }));
const told = (status, transcript, headers = {}) =>
  (route) => route.fulfill({ json: { status, transcript, conversationId: 'conv_1', truncated: false }, headers });

/**
 * A call whose transcript is answered by the test. `tell` changes the answer, and comes back when the
 * page has had it and asked again.
 */
async function answered(number, answer) {
  const { page } = await openPage(browser, server.base);
  await page.clock.install();
  let asked = 0;
  await page.route(TRANSCRIPT, (route) => {
    asked += 1;
    return answer(route);
  });
  await type(server, page, number);
  await button(page).click();
  const tell = async (next) => {
    [answer, asked] = [next, 0];
    await until('the page asks again', async () => {
      await page.clock.fastForward(2_500);
      return asked >= 2;
    });
  };
  return { page, tell, asked: () => asked };
}

/** Lets the page do for a while what it would do. */
async function wait(page) {
  for (const seconds of [1, 10, 10]) {
    await page.evaluate(() => fetch('/'));
    await page.clock.fastForward(seconds * 1000);
  }
  await page.evaluate(() => fetch('/'));
}

judged('what is said is shown while the call talks, and stays when it is over', async () => {
  const { page, complaints } = await openPage(browser, server.base);
  const state = await pretend(page, 'in-progress');
  await type(server, page, '+12125550191');
  await button(page).click();
  await page.locator('#transcript li', { hasText: 'PersonGoodbye.' }).waitFor();
  assert.equal(await page.locator('#status').textContent(), 'in-progress');
  state.letGo();
  await showsStatus(page, 'completed');
  const shown = await turns(page);
  assert.match(shown[0], /^AgentHello there, this is the simulated agent/);
  assert.match(shown[1], /^Person/);
  assert.deepEqual(complaints, []);
});

judged('a transcript grows, and nothing is lost where the server cannot tell for a while', async () => {
  const down = (route) => route.fulfill({ status: 503, json: { reason: 'store_unavailable', error: 'Down.' } });
  const { page, tell } = await answered('+12125550192', told('in-progress', said(2)));
  const answers = {
    'more is said': [told('in-progress', said(3)), 3],
    'the store is down': [down, 3],
    'the connection breaks': [(route) => route.abort(), 3],
    'ElevenLabs is down, and this instance knows nothing': [told('in-progress', [], { 'retry-after': '2' }), 3],
    'it is up again': [told('processing', said(4)), 4],
  };
  for (const [what, [answer, length]] of Object.entries(answers)) {
    await tell(answer);
    assert.equal((await turns(page)).length, length, what);
  }
});

judged('after the last turn the page asks no more', async () => {
  for (const [last, number] of Object.entries({ done: '93', failed: '94' })) {
    const { page, asked } = await answered(`+121255501${number}`, told(last, []));
    await showsStatus(page, 'completed');
    await until('an answer', asked);
    await wait(page);
    assert.equal(asked(), 1, last);
  }
});

judged('a reader who may not read it sees nothing of it, and the page does not ask again', async () => {
  for (const [status, number] of Object.entries({ 401: '95', 403: '96', 404: '97' })) {
    const refused = (route) => route.fulfill({ status: Number(status), json: { reason: 'no', error: 'No.', message: 'No.' } });
    const { page, asked } = await answered(`+121255501${number}`, refused);
    await showsStatus(page, 'completed');
    await until('an answer', asked);
    await wait(page);
    assert.equal(asked(), 1, status);
    assert.deepEqual(await turns(page), []);
    assert.equal(await page.locator('#status').textContent(), 'completed');
  }
});

judged('what is said is text, whatever it looks like', async () => {
  const text = '<img src=x onerror="document.title=1"><script>document.title=2</script>&amp;';
  const turn = { id: '0', speaker: 'agent', text, timeInCall: 0 };
  const { page } = await answered('+12125550198', told('done', [turn]));
  await page.locator('#transcript li').waitFor();
  assert.deepEqual(await turns(page), [`Agent${text}`]);
  assert.equal(await page.locator('#transcript img, #transcript script').count(), 0);
  assert.equal(await page.title(), 'close-loop');
});

judged('a busy line has no transcript, and none is asked for', async () => {
  const { page, asked } = await answered('+12125550101', told('failed', []));
  await showsStatus(page, 'busy');
  await wait(page);
  assert.equal(asked(), 0);
});

judged('no line of the log holds a number, a token, a key or what was said', () =>
  assertDiscreet(server, { secrets: ['Is this a good time', 'Goodbye.'] }));

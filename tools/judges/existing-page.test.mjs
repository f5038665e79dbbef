// A page that was there before close-loop works unchanged: beside the functions, and on a site of its
// own that rewrites two paths to them.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { judge } from './lib/browser.mjs';
import { callThat, look, OVER, setFaults } from './lib/calls.mjs';
import {
  assertPlaced, CAMPAIGN, driveExistingPage, openExistingPage, pressCall, pressCampaignCall, readTranscript,
} from './lib/existing-page.mjs';
import { startSite } from './lib/existing-site.mjs';
import { request } from './lib/http.mjs';
import { assertDiscreet } from './lib/log.mjs';
import { API_KEY } from './lib/simulated.mjs';
import { twilioClient } from './lib/twilio.mjs';

/** Without any of these the original app's agent hangs up at once. */
const NEEDED = {
  _agent_name_: 'Robin',
  _sender_company_: 'Example Company',
  _sender_website_: 'example.com',
  _product_name_: 'the product',
  _product_description_: 'what it does',
  _prospect_name_: 'neighbour',
  _prospect_company_: 'their company',
  _prospect_about_: 'nothing yet',
  _call_reason_: 'a quote from spring',
  _callback_number_: 'the number on the screen',
};
const CAMPAIGN_VARIABLES =
  'leadName=_prospect_name_,leadAbout=_prospect_about_,campaignName=_product_name_,campaignDescription=_product_description_';

const TOKEN = 'a-token-of-24-characters';
const DIAL = '**/api/twilio/make-call';

const sites = [];
let browser;
const { servers, start: startOne, judged } = judge((launched) => (browser = launched));
after(() => Promise.all(sites.map((it) => it.close())));

/** A server whose agent needs ten variables. */
async function start(env = {}) {
  const server = await startOne({ env: { DYNAMIC_VARIABLES: JSON.stringify(NEEDED), ...env } });
  await setFaults(server, { elevenlabs: { requiredVariables: Object.keys(NEEDED) } });
  return server;
}

/** The same behind a site of its own, which is the only origin that may call. */
async function startBehindSite(env = {}) {
  const site = await startSite();
  sites.push(site);
  const server = await start({ ALLOWED_ORIGINS: site.base, ...env });
  site.leadTo(server.base);
  return { site, server };
}

function numbers(server, ...all) {
  all.forEach((number) => server.numbers.add(number));
  return all;
}

/** The variables that the agent had, as ElevenLabs tells them. */
async function variablesOf(server, conversationId) {
  const url = `${server.base}/simulated/elevenlabs/v1/convai/conversations/${conversationId}`;
  const answer = await request(url, { headers: { 'xi-api-key': API_KEY } });
  assert.equal(answer.status, 200, answer.text());
  const all = answer.json().conversation_initiation_client_data.dynamic_variables;
  return Object.fromEntries(Object.keys(NEEDED).map((name) => [name, all[name]]));
}

const mapped = {
  ...NEEDED,
  _prospect_name_: CAMPAIGN.leadName,
  _prospect_about_: CAMPAIGN.leadAbout,
  _product_name_: CAMPAIGN.campaignName,
  _product_description_: CAMPAIGN.campaignDescription,
};

/** Both calls and a transcript, on a page at an address; the agent must have had these variables. */
async function assertWorks(server, address, serve, expected) {
  const [one, other] = numbers(server, '+12125550181', '+12125550182');
  const { turns, transcript } = await driveExistingPage(browser, address, { numbers: [one, other], serve });
  const { _prospect_name_: name, _product_name_: product } = expected;
  assert.ok(turns[0].endsWith(`Hello ${name}, this is Robin from Example Company. Is this a good time?`), turns[0]);
  assert.ok(turns.some((turn) => turn.includes(`I am calling about ${product}.`)), turns.join('\n'));
  assert.deepEqual(await variablesOf(server, transcript.conversationId), expected);
  const dials = await twilioClient(server).calls.list();
  assert.deepEqual(dials.map((dial) => dial.to).sort(), [one, other], 'each phone rang once');
}

judged('the page works beside the functions, and its campaign reaches the agent', async () => {
  const server = await start({ CAMPAIGN_VARIABLES });
  await assertWorks(server, server.base, true, mapped);
});

judged('the page works beside the functions, where no member of a campaign is wanted', async () => {
  const server = await start();
  await assertWorks(server, server.base, true, NEEDED);
});

judged('the page works on a site that rewrites to the functions, and its campaign reaches the agent', async () => {
  const { site, server } = await startBehindSite({ CAMPAIGN_VARIABLES });
  await assertWorks(server, site.base, false, mapped);
});

judged('the page works on a site that rewrites to the functions, where no member of a campaign is wanted', async () => {
  const { site, server } = await startBehindSite();
  await assertWorks(server, site.base, false, NEEDED);
});

judged('a site that is not among the allowed origins is told so, and nothing is dialled', async () => {
  const site = await startSite();
  sites.push(site);
  const server = await start();
  site.leadTo(server.base);
  const [number] = numbers(server, '+12125550183');
  const page = await openExistingPage(browser, site.base);
  const lines = await pressCall(page, number);
  assert.equal(lines[0], 'Call Failed');
  assert.ok(lines.some((line) => line.includes('ALLOWED_ORIGINS')), lines.join('\n'));
  assert.deepEqual(await twilioClient(server).calls.list(), []);
});

judged('a misspelt member is shown as a failed call that names it', async () => {
  const server = await start({ CAMPAIGN_VARIABLES });
  const [number] = numbers(server, '+12125550184');
  const page = await openExistingPage(browser, server.base, { serve: true });
  const postData = JSON.stringify({ to: number, campaignDate: CAMPAIGN });
  await page.page.route(DIAL, async (route) => route.fulfill({ response: await route.fetch({ postData }) }));
  const lines = await pressCampaignCall(page, number);
  assert.equal(lines[0], 'Call Failed');
  assert.ok(lines.some((line) => line.includes('campaignDate')), lines.join('\n'));
  assert.deepEqual(await twilioClient(server).calls.list(), [], 'nothing was dialled');
});

judged("a number that Twilio refuses is shown with Twilio's code, and what to do", async () => {
  const server = await start();
  const page = await openExistingPage(browser, server.base, { serve: true });
  const lines = await pressCall(page, '+15005550003');
  assert.equal(lines[0], 'Call Failed');
  assert.ok(lines.includes('Code 21215'), lines.join('\n'));
  const [, error, message, suggestion] = lines;
  assert.notEqual(error, message);
  assert.equal(suggestion, message, 'the suggestion is the message again');
  assert.match(lines.at(-1), /^https:\/\/www\.twilio\.com\/docs\/errors\/21215$/);
});

judged('without the variables that it needs, the agent hangs up within a second and the transcript says failed', async () => {
  const server = await start({ DYNAMIC_VARIABLES: '' });
  const [number] = numbers(server, '+12125550185');
  const page = await openExistingPage(browser, server.base, { serve: true });
  const callSid = assertPlaced(await pressCall(page, number), number);
  assert.deepEqual(await readTranscript(page, callSid, 'failed'), [], 'nothing was said');
  const { callId } = (await look(server, `callSid=${callSid}`)).json();
  const call = await callThat(server, callId, 'over', (it) => OVER.includes(it.status));
  assert.ok(call.durationSeconds <= 1, `${call.durationSeconds} s`);
});

/** A server that has a token, and lets pages without it call. */
const startWithToken = (more) => start({ MAKE_CALL_TOKEN: TOKEN, ALLOW_ANONYMOUS_DIALLING: 'true', ...more });

judged('where a transcript needs the token, the page calls, shows none and goes on asking', async () => {
  const server = await startWithToken();
  const [number] = numbers(server, '+12125550186');
  const { page, ...opened } = await openExistingPage(browser, server.base, { serve: true });
  assertPlaced(await pressCall({ page, ...opened }, number), number);
  const asks = {
    'at once': () => page.getByRole('button', { name: 'Transcript' }).click(),
    'again': () => page.clock.fastForward(3_000),
  };
  for (const [when, ask] of Object.entries(asks)) {
    const refused = page.waitForResponse(/get-transcript/);
    await ask();
    assert.equal((await refused).status(), 401, when);
  }
  assert.equal(await page.locator('#turns li').count(), 0);
});

judged('where transcripts are for pages, the page works though there is a token', async () => {
  const server = await startWithToken({ TRANSCRIPTS_FOR_PAGES: 'true', CAMPAIGN_VARIABLES });
  await assertWorks(server, server.base, true, mapped);
});

test('no line of these logs holds a number, a token, a key or what was said', () => {
  const said = [...Object.values(CAMPAIGN), ...Object.values(NEEDED), 'Is this a good time', TOKEN];
  for (const server of servers) assertDiscreet(server, { atLeast: 0, secrets: said });
});

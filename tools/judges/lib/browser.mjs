import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { skip } from './missing.mjs';
import { startServer } from './server.mjs';

const CHROMIUM = process.env.JUDGES_CHROMIUM ?? '/usr/bin/chromium';
/** Nothing but the page: a browser of its own accord would look for updates. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Why there is no browser, if there is none. */
export function missingBrowser() {
  if (!fs.existsSync(CHROMIUM)) return `${CHROMIUM} is missing (apt-get install chromium)`;
}

export const launch = () => chromium.launch({ executablePath: CHROMIUM, headless: true, args: FLAGS });

/**
 * What the tests of one file share: a browser, handed to `prepare` before the first of them; `start`, for
 * its `servers`; and `judged`, which is `test` where a browser is here. All of it ends with the last test.
 */
export function judge(prepare) {
  const missing = missingBrowser();
  const servers = [];
  let browser;
  const start = async (options) => {
    const server = await startServer(options);
    servers.push(server);
    return server;
  };
  before(async () => {
    if (missing) return;
    browser = await launch();
    await prepare(browser);
  });
  after(async () => {
    // A page may still poll: the answer to a request that a test has changed comes to a closed page then.
    const pages = browser?.contexts().flatMap((context) => context.pages()) ?? [];
    await Promise.all(pages.map((page) => page.unrouteAll({ behavior: 'ignoreErrors' })));
    await browser?.close();
    await Promise.all(servers.map((server) => server.stop()));
  });
  const judged = (name, options, run) => test(name, options, (t) => (missing ? skip(t, missing) : run(t)));
  return { servers, start, judged: (name, ...rest) => judged(name, rest.length > 1 ? rest[0] : {}, rest.at(-1)) };
}

/** A page, with every complaint of its console and its scripts. */
export async function openPage(browser, address) {
  const page = await browser.newPage();
  page.setDefaultTimeout(15_000);
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  await page.goto(address);
  return { page, complaints };
}

/** Types a number. */
export async function type(server, page, number) {
  if (/^\+/.test(number)) server.numbers.add(number);
  await page.getByLabel('Number to call').fill(number);
}

export const button = (page) => page.getByRole('button', { name: 'Call' });
export const showsStatus = (page, text) =>
  page.locator('#status', { hasText: new RegExp(`^${text}$`) }).waitFor();

/** Waits until the recording can be played, and gives its length. */
export async function recordingOf(page) {
  const audio = page.locator('#recording audio');
  await audio.waitFor();
  await audio.evaluate(async (element) => {
    element.muted = true;
    element.preload = 'auto';
    if (element.readyState >= 1) return;
    await new Promise((done, failed) => {
      element.addEventListener('loadedmetadata', done);
      element.addEventListener('error', () => failed(new Error(element.error?.message)));
    });
  });
  return { audio, duration: await audio.evaluate((element) => element.duration) };
}

/** What the server says to a request of the page's own. */
const fetched = (route) =>
  route.fetch({ headers: { ...route.request().headers(), 'sec-fetch-site': 'same-origin' } });

/** Keeps the answers to an address back until `letGo`. `asked` has every request that the page made. */
export async function hold(page, address) {
  const asked = [];
  let letGo;
  const gone = new Promise((done) => (letGo = done));
  await page.route(address, async (route) => {
    asked.push(route.request());
    const response = await fetched(route);
    await gone;
    await route.fulfill({ response });
  });
  return { asked, letGo };
}

/** Shows the page this status in place of what the server says, until `letGo`. */
export async function pretend(page, status) {
  let active = true;
  await page.route('**/api/twilio/status?callId=*', async (route) => {
    const response = await fetched(route);
    if (!active) return route.fulfill({ response });
    await route.fulfill({ response, json: { ...(await response.json()), status, recording: null } });
  });
  return { letGo: () => (active = false) };
}

/** Waits until the button can be pressed again. */
export const isBack = (page) => page.locator('#dial button:enabled').waitFor();

// The page: places one call for one press, follows it, shows what is said, and plays the recording.
const $ = (id) => document.getElementById(id);
const button = document.querySelector('#dial button');
const OVER = ['completed', 'busy', 'failed', 'no-answer', 'canceled'];
/** Refusals after which the phone may be ringing. */
const MAY_RING = ['twilio_unknown_outcome', 'idempotency_unknown_outcome'];
/** Refusals after which the same key gives the answer in a while. */
const ASK_AGAIN = ['idempotency_in_flight', 'internal_error'];
/** Seconds before a lost answer is asked for again. */
const PATIENCE = [1, 2, 4, 8, 15, 15, 0];
/** A call that Twilio has not named for so long does not ring any more. */
const UNKNOWN_MS = 120_000;
/** Counts the presses: what still runs for an earlier one ends. */
let latest = 0;
/** The call that was asked for and of which no answer came. */
let unanswered = null;

const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

function headers(more) {
  const token = $('token').value.trim();
  return token ? { ...more, authorization: `Bearer ${token}` } : { ...more };
}

/** One request. Null if its answer was lost: nothing came, or something in front of the server spoke. */
async function ask(url, options = {}) {
  try {
    const signal = AbortSignal.timeout(35_000);
    const response = await fetch(url, { ...options, headers: headers(options.headers), signal });
    const body = await response.json().catch(() => null);
    if (response.ok ? !body : response.status >= 500 && !body?.reason) return null;
    const retryAfter = Math.min(Number(response.headers.get('retry-after')) || 0, 60);
    return { ok: response.ok, status: response.status, body: body ?? {}, retryAfter };
  } catch {
    return null;
  }
}

/** Whether the same question may be answered differently in a while. */
const passes = (answer) => !answer || answer.status === 429 || answer.status >= 500;

function say(text, kind = '') {
  $('status').textContent = text;
  $('status').className = kind;
}

function refuse(body) {
  say(`${body.error ?? 'The server gave no usable answer.'} ${body.message ?? ''}`, 'error');
}

function element(name, ...parts) {
  const made = document.createElement(name);
  made.append(...parts);
  return made;
}

function show(call) {
  say(call.status);
  const happened = call.timeline.map((entry) => {
    const time = element('time', new Date(entry.at).toLocaleTimeString());
    time.dateTime = entry.at;
    return element('li', time, [entry.event, entry.detail].filter(Boolean).join(' — '));
  });
  const findings = call.diagnosis.map(({ message, fix }) => {
    const finding = element('li', `${message} ${fix}`);
    finding.className = 'error';
    return finding;
  });
  $('timeline').replaceChildren(...happened, ...findings);
}

// Whatever was said is text: `append` never takes a string for markup.
function showTranscript({ transcript, truncated }) {
  const turns = transcript.map(({ speaker, text }) =>
    element('li', element('b', speaker === 'agent' ? 'Agent' : 'Person'), element('span', text)));
  if (truncated) turns.push(element('li', 'The rest is not shown.'));
  $('transcript').replaceChildren(...turns);
}

/** What is said, until nothing more can be said. Not every reader may see it: then nothing is shown. */
async function listen(callId, turn) {
  for (let asked = 0; asked < 600; asked += 1) {
    const answer = await ask(`/api/elevenlabs/get-transcript?callId=${callId}`);
    if (turn !== latest || (!answer?.ok && !passes(answer))) return;
    if (answer?.ok) {
      const isLast = ['done', 'failed'].includes(answer.body.status);
      // While ElevenLabs cannot be reached, the server may know less than the page.
      const grows = answer.body.transcript.length >= $('transcript').children.length;
      if (isLast || grows) showTranscript(answer.body);
      if (isLast) return;
    }
    await pause(Math.max(2.5, answer?.retryAfter ?? 0));
  }
}

// The token travels in a header, which an <audio> source cannot send; and one answer carries 4 MiB.
async function fetchWhole(url) {
  const parts = [];
  for (let have = 0, total = 1; have < total;) {
    const response = await fetch(url, { headers: headers({ range: `bytes=${have}-` }) });
    if (response.status !== 206) throw new Error('no recording');
    const part = await response.blob();
    parts.push(part);
    have += part.size;
    total = Number(response.headers.get('content-range').split('/')[1]);
  }
  return new Blob(parts, { type: 'audio/wav' });
}

async function play(callSid) {
  const url = `/api/twilio/recording?callSid=${callSid}&format=wav`;
  const audio = document.createElement('audio');
  audio.controls = true;
  // Not every reader may hear it: then there is no player.
  audio.addEventListener('error', () => audio.readyState || audio.remove());
  audio.src = $('token').value.trim() ? URL.createObjectURL(await fetchWhole(url)) : url;
  $('recording').replaceChildren(audio);
}

/** The call until it is over and its recording is there. The button is back when the call is over. */
async function follow(callId, turn) {
  let unknownSince;
  let afterEnd = 0;
  let listens = false;
  // A recording may come a while after the end, or never.
  while (afterEnd < 60) {
    const answer = await ask(`/api/twilio/status?callId=${callId}`);
    if (turn !== latest) return;
    if (answer?.ok) {
      const call = answer.body;
      show(call);
      if (!listens && (call.status === 'in-progress' || call.status === 'completed')) {
        listens = true;
        listen(callId, turn);
      }
      unknownSince = call.status === 'unknown' ? (unknownSince ?? Date.now()) : undefined;
      if (OVER.includes(call.status)) afterEnd += 1;
      if (afterEnd || Date.now() - unknownSince > UNKNOWN_MS) button.disabled = false;
      if (afterEnd && call.recording?.status === 'completed') return play(call.callSid);
    } else if (!passes(answer)) {
      button.disabled = false;
      return refuse(answer.body);
    }
    await pause(Math.max(0.5, answer?.retryAfter ?? 0));
  }
}

/** The answer to a wish to call: asked for again with the same key if it is lost, so that one phone rings. */
async function answerTo({ to, key }) {
  const options = {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify({ to }),
  };
  for (const seconds of PATIENCE) {
    const answer = await ask('/api/twilio/make-call', options);
    if (answer && !ASK_AGAIN.includes(answer.body.reason)) return answer;
    say('No answer yet: asking again.');
    await pause(answer?.retryAfter || seconds);
  }
  return null;
}

/** A wish that got no answer is still the same one when the person presses again. */
function wish(to, token) {
  if (unanswered?.to === to && unanswered.token === token) return unanswered;
  return { to, token, key: crypto.randomUUID() };
}

$('dial').addEventListener('submit', async (event) => {
  event.preventDefault();
  const turn = ++latest;
  button.disabled = true;
  for (const id of ['timeline', 'transcript', 'recording']) $(id).replaceChildren();
  say('dialling');
  unanswered = wish($('to').value.trim(), $('token').value.trim());
  const answer = await answerTo(unanswered);
  if (answer) unanswered = null;
  const body = answer?.body ?? {
    error: 'The server cannot be reached.',
    message: 'The phone may be ringing: look before you dial again.',
  };
  if (body.callId && (answer.ok || MAY_RING.includes(body.reason))) {
    if (!answer.ok) refuse(body);
    return follow(body.callId, turn);
  }
  refuse(body);
  button.disabled = false;
});

// The second click of a double click, and a key that is held down, are no second wish, however soon
// the first call was over.
button.addEventListener('click', (event) => event.detail > 1 && event.preventDefault());
$('dial').addEventListener('keydown', (event) => event.repeat && event.key === 'Enter' && event.preventDefault());

import { bodyOf, listen } from './http.mjs';

/**
 * A customer's app: answers Twilio's webhooks and keeps every one exactly as it came.
 * `answers` maps a path to `{ status, type, body }`; any other path gets 204.
 */
export async function startApp(answers = {}) {
  const webhooks = [];
  const server = await listen(async (incoming, outgoing) => {
    const body = await bodyOf(incoming);
    const { pathname } = new URL(incoming.url, 'http://app');
    webhooks.push({
      path: pathname,
      method: incoming.method,
      url: `${server.base}${incoming.url}`,
      signature: incoming.headers['x-twilio-signature'],
      headers: incoming.headers,
      params: Object.fromEntries(new URLSearchParams(body)),
    });
    const answer = answers[pathname] ?? { status: 204 };
    outgoing.writeHead(answer.status, answer.type ? { 'content-type': answer.type } : {});
    outgoing.end(answer.body);
  });
  return { ...server, webhooks, answers };
}

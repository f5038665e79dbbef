// The site that exists, in front of the functions: it serves its page, and rewrites two paths to
// another deployment, as Next.js and Vercel do.
import http from 'node:http';
import { EXISTING_PAGE } from './existing-page.mjs';
import { listen } from './http.mjs';

/** A site whose origin is known before there is anything behind it: `leadTo` names the deployment. */
export async function startSite() {
  let functions;
  const site = await listen((incoming, outgoing) => {
    if (incoming.url === '/') {
      outgoing.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(EXISTING_PAGE);
    } else if (functions && /^\/api\/(twilio|elevenlabs)\//.test(incoming.url)) {
      rewrite(functions, incoming, outgoing);
    } else {
      outgoing.writeHead(404).end();
    }
  });
  return { ...site, leadTo: (base) => (functions = base) };
}

/** The request as it came, under the destination's own host. */
function rewrite(functions, incoming, outgoing) {
  const { host } = new URL(functions);
  const headers = {
    ...incoming.headers,
    host,
    'x-forwarded-host': incoming.headers.host,
    'x-forwarded-proto': 'http',
    'x-forwarded-for': incoming.socket.remoteAddress,
  };
  const onward = http.request(functions + incoming.url, { method: incoming.method, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode, answer.headers);
    answer.pipe(outgoing);
  });
  onward.on('error', () => outgoing.writeHead(502).end());
  incoming.pipe(onward);
}

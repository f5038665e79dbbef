import http from 'node:http';

/** Connections stay open: the judges send thousands of requests. */
const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });

/**
 * One request. Node's `fetch` would set `sec-fetch-*` itself and cannot send a header twice; here an
 * array as a header's value sends one line for each element.
 */
export function request(url, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const outgoing = http.request(url, { method, headers, agent }, (incoming) => {
      const chunks = [];
      incoming.on('data', (chunk) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const text = () => bytes.toString('utf8');
        resolve({
          status: incoming.statusCode,
          headers: incoming.headers,
          bytes,
          text,
          json: () => JSON.parse(text()),
        });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Listens on a free port of this machine. `close` also ends connections that are kept alive. */
export async function listen(handler) {
  const server = http.createServer(handler);
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const close = () =>
    new Promise((done) => {
      server.close(done);
      server.closeAllConnections();
    });
  return { base: `http://127.0.0.1:${server.address().port}`, close };
}

/** All of a request's body, as it came. */
export async function bodyOf(incoming) {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

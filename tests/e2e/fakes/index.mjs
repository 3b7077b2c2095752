// All fake providers on one port, under the paths that `./dev up --providers URL` expects. By hand:
//   node tests/e2e/fakes/index.mjs [port]
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

import { FakeAuth0 } from './auth0.mjs';
import { FakeGraph } from './graph.mjs';
import { FakeOpenAi } from './openai.mjs';
import { FakeTelegram } from './telegram.mjs';
import { FakeWhatsApp } from './whatsapp.mjs';

/** `options` {port, host, whatsapp, telegram, openai, graph, auth0}: port 0 chooses one, the rest goes to the fakes. */
export async function startFakes(options = {}) {
  const fakes = {
    whatsapp: new FakeWhatsApp(options.whatsapp),
    telegram: new FakeTelegram(options.telegram),
    openai: new FakeOpenAi(options.openai),
    graph: new FakeGraph(options.graph),
    auth0: new FakeAuth0(options.auth0),
  };
  const prefixes = [
    ['/whatsapp', fakes.whatsapp],
    ['/telegram', fakes.telegram],
    ['/openai/v1', fakes.openai],
    ['/meta', fakes.graph],
    ['/auth0', fakes.auth0],
  ];
  const unexpected = [];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://fake');
    const [prefix, fake] = prefixes.find(([start]) => pathname.startsWith(`${start}/`)) ?? [];
    if (!fake) {
      unexpected.push(`${request.method} ${pathname}`);
      response.writeHead(404);
      return response.end();
    }
    return fake.handle(request, response, pathname.slice(prefix.length)).catch((error) => {
      // A client that goes away in the middle of its request is one of the faults that tests make.
      if (!request.destroyed) unexpected.push(`${request.method} ${pathname}: ${error.stack}`);
      response.destroy();
    });
  });
  await new Promise((listening, failed) => {
    server.once('error', failed);
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', listening);
  });
  const { port } = server.address();
  const url = `http://127.0.0.1:${port}`;
  fakes.auth0.url ||= `${url}/auth0`;
  return {
    ...fakes,
    port,
    url,
    unexpected,
    reset() {
      for (const [, fake] of prefixes) fake.reset();
      unexpected.length = 0;
    },
    async close() {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const fakes = await startFakes({ port: Number(process.argv[2] ?? 0) });
  console.log(fakes.url);
}

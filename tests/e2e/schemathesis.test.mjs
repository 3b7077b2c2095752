// The API as schemathesis calls it, which reads schemas/openapi.yaml and draws requests that fit it and requests that do not:
// by the operator, by a person who signed in, and by a program with a shop's key. In a database of its own, for nothing of it
// is sacred to them.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { freePort, until, up } from './harness.mjs';

const here = fileURLToPath(new URL('schemathesis', import.meta.url));
const tool = fileURLToPath(new URL('../../.dev/third_party/schemathesis', import.meta.url));
const database = 'relevo_schemathesis';
const seed = 20261122;
let system;
let folder;
let api;

before(async () => {
  system = await up({ quietMs: 200 });
  folder = await mkdtemp(join(tmpdir(), 'relevo-schemathesis-'));
  api = await startApi();
});
after(async () => {
  api?.process.kill('SIGKILL');
  await api?.ended;
  await system?.execute(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
  await rm(folder, { recursive: true });
  await system?.leave();
});

/** An installation's API alone: {http, schema, process, ended, log}. Nobody there calls too often. */
async function startApi() {
  await system.execute(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
  await system.execute(`CREATE DATABASE ${database} TEMPLATE relevo_blank OWNER relevo_owner`);
  const settings = await readFile(system.config, 'utf8');
  const [, schemas] = /^schemas: (.*)$/m.exec(settings);
  await cp(schemas, join(folder, 'schemas'), { recursive: true });
  const schema = join(folder, 'schemas', 'openapi.yaml');
  const document = await readFile(schema, 'utf8');
  await writeFile(schema, document.replace(/^( {2}(?:caller|stranger|tenant|meta): ).*$/gm, '$1{burst: 1000000, per_second: 1000000}'));
  const config = join(folder, 'relevo.yaml');
  const own = settings.replaceAll(/\/relevo"$/gm, `/${database}"`).replace('/0"}', '/1"}').replace(/^schemas: .*$/m, `schemas: ${folder}/schemas`);
  await writeFile(config, own);
  await promisify(execFile)(system.relevo, ['--config', config, 'migrate', 'up']);

  const port = await freePort();
  const child = spawn(system.relevo, ['--config', config, 'run', 'ingress', '--http-port', String(port)], { stdio: ['ignore', 'ignore', 'pipe'] });
  const started = { http: `http://127.0.0.1:${port}`, schema, process: child, log: '' };
  child.stderr.on('data', (part) => (started.log += part));
  started.ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  await until(async () => (await fetch(`${started.http}/readyz`)).ok, { what: 'the API is ready' });
  return started;
}

async function call(method, path, { token = system.admin_token, tenant, body } = {}) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...(tenant && { 'x-tenant-id': tenant }) };
  const response = await fetch(`${api.http}/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${text}`);
  return JSON.parse(text);
}

/** A shop with an administrator who signed in, and a key of theirs that may do all they may. */
async function makeShop(slug) {
  const { id: tenant } = await call('POST', '/tenants', { body: { slug, name: slug } });
  const person = { email: `${slug}@example.com`, password: 'una clave larga' };
  const user = await call('POST', '/users', { tenant, body: { email: person.email, roles: ['admin'] } });
  const { ticket } = await call('POST', `/users/${user.id}/tickets`, { tenant });
  const invited = await call('POST', '/tickets/redeem', { body: { ticket, password: person.password } });
  const session = await call('POST', '/sessions', { body: person });
  const key = await call('POST', '/api-keys', { token: session.secret, body: { name: 'crm', scopes: session.permissions } });
  return { tenant, session, key, ids: [user.id, invited.id, session.id, key.id] };
}

/** Runs it to its end: {failed, said, counted}. */
async function fuzz(name, token, { tenant, ids }, ...options) {
  const report = join(folder, `${name}.json`);
  const args = ['-m', 'schemathesis.cli', '--config-file', join(here, 'schemathesis.toml'), 'run', api.schema, '--url', api.http, '--no-color'];
  args.push('--seed', String(seed), '--report', 'json', '--report-json-path', report, ...options);
  args.push('--suppress-health-check', 'filter_too_much'); // of moments: few texts are any
  const env = {
    ...process.env,
    PYTHONPATH: tool,
    PYTHONDONTWRITEBYTECODE: 'yes',
    SCHEMATHESIS_HOOKS: join(here, 'hooks.py'),
    RELEVO_TOKEN: token,
    RELEVO_TENANT: String(tenant),
    RELEVO_KEEP: ids.join(),
  };
  const done = promisify(execFile)('/usr/bin/python3', args, { cwd: folder, env, maxBuffer: 64 << 20 });
  const { code, stdout, stderr } = await done.catch((error) => error);
  const counted = await readFile(report, 'utf8').then(JSON.parse, () => undefined);
  return { failed: Boolean(code), said: stdout + stderr, counted };
}

describe('requests that were drawn from the document', () => {
  it('are answered as it says, whoever sends them', { timeout: 600_000 }, async () => {
    const [operated, visited, programmed] = await Promise.all(['operated', 'visited', 'programmed'].map(makeShop));
    const { secret: session } = visited.session;
    const { secret: key } = programmed.key;
    // every phase by somebody: all of them by each would take too long; and whoever signs out is served no more
    const runs = await Promise.all([
      fuzz('operator', system.admin_token, operated, '--max-examples', '5', '--phases', 'examples,fuzzing,stateful'),
      fuzz('session', session, visited, '--phases', 'coverage', '--exclude-operation-id', 'sign_in', '--exclude-operation-id', 'sign_out'),
      fuzz('key', key, programmed, '--max-examples', '4', '--phases', 'fuzzing,stateful', '--exclude-operation-id', 'sign_in'),
    ]);
    assert.ok(runs.every(({ failed }) => !failed), runs.map(({ said }) => said).join('\n'));
    for (const { counted } of runs) assert.ok(counted.test_cases.generated > 300, JSON.stringify(counted.test_cases));
    for (const [token, permissions] of [[key, programmed.key.scopes], [session, visited.session.permissions]]) {
      const me = await call('GET', '/me', { token });
      assert.deepEqual(me.permissions, permissions, 'it was good to the end');
    }
    const failures = api.log.split('\n').filter((line) => /"level":"error"|ERROR: /.test(line));
    assert.deepEqual(failures, []);
  });
});

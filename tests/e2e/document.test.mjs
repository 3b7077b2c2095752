// schemas/openapi.yaml as other people's tools read it: a linter, and the generator of a typed client that then calls the
// running system.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { up } from './harness.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const bin = join(here, 'node_modules', '.bin');
let system;
let folder;
let document;

before(async () => {
  system = await up({ quietMs: 200 });
  folder = await mkdtemp(join(tmpdir(), 'relevo-document-'));
  document = join(folder, 'openapi.yaml'); // as a client gets it
  await writeFile(document, await (await fetch(`${system.http}/v1/openapi.yaml`)).text());
});
after(async () => {
  await rm(folder, { recursive: true });
  await system?.leave();
});

/** Runs a tool in the folder; what it says is the failure's text. */
async function run(tool, ...args) {
  const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
  const done = promisify(execFile)(join(bin, tool), args, { cwd: folder, env, maxBuffer: 64 << 20 });
  const { stdout } = await done.catch(({ message, stdout, stderr }) => assert.fail(`${message}\n${stdout}${stderr}`));
  return stdout;
}

describe('the document', () => {
  it('gives a linter nothing to complain of, not even in its strictest words', async () => {
    const said = JSON.parse(await run('redocly', 'lint', document, '--extends', 'recommended-strict', '--format', 'json'));
    assert.deepEqual(said.totals, { errors: 0, warnings: 0, ignored: 0 });
  });
});

describe('a client that a generator made of it', () => {
  let client;

  it('has types that a program compiles with, and that tell its mistakes', async () => {
    await symlink(join(here, 'node_modules'), join(folder, 'node_modules'));
    await writeFile(join(folder, 'package.json'), '{"type": "module"}');
    await copyFile(join(here, 'client.mts'), join(folder, 'client.mts'));
    await run('openapi-typescript', document, '-o', join(folder, 'api.d.ts'));
    await run('tsc', '--strict', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2022,dom', 'client.mts');
    client = await import(join(folder, 'client.mjs'));
  });

  it('makes a shop, signs in, and makes and revokes a key', async () => {
    const slug = `typed-${randomBytes(4).toString('hex')}`;
    const { tenant, session } = await client.open(system.http, system.admin_token, slug, 'una clave larga');
    const { me, removed, revokedAt, refused, why } = await client.lend(system.http, session, ['users.read', 'vault.read']);
    assert.deepEqual([me.kind, me.tenant, me.permissions], ['api_key', tenant, ['users.read', 'vault.read']]);
    assert.equal(removed, 204);
    assert.ok(Date.parse(revokedAt) > Date.now() - 60_000, revokedAt);
    assert.deepEqual([refused, why], [401, 'identity.unknown_secret']);
  });
});

// The shops' keys while customers write: a value that is replaced, master keys that are rotated and retired, a shop's key
// that is replaced. No call to a provider fails for it, and no secret is where anybody could read it.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';

import { until, up } from './harness.mjs';
import { Customer } from './whatsapp.mjs';

const run = promisify(execFile);
const canary = `EAA${randomBytes(12).toString('hex')}`;
const tokens = ['demo-access-token', canary];

let system;
let slug;
let told = '';

before(async () => {
  system = await up({ quietMs: 200, fakes: { whatsapp: { tokens } } });
  slug = system.shops[0].slug;
});
after(() => system?.leave());

async function vault(args, input = '') {
  const child = spawn(system.relevo, ['--config', system.config, 'vault', ...args]);
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (printed += part));
  child.stdin.end(input);
  const code = await new Promise((ended) => child.once('close', ended));
  told += printed;
  return { code, printed };
}

const put = (value) => vault(['put', slug, 'whatsapp_cloud', 'ACCESS_TOKEN'], value);

describe('a secret', () => {
  it('is replaced from standard input, used from then on, and shown by its end only', async () => {
    assert.equal((await put(`${canary}\n`)).code, 0);
    const customer = new Customer(system);
    await customer.writes('hola');
    const [bubble] = await customer.receives(1);
    assert.equal(bubble.token, canary);
    const { code, printed } = await vault(['list', slug]);
    assert.equal(code, 0);
    assert.match(printed, new RegExp(`whatsapp_cloud +ACCESS_TOKEN +…${canary.slice(-4)} +[0-9a-f]{16}`));
  });

  it('that signs webhooks counts at once when it is changed, and the old one no more', async () => {
    const customer = new Customer(system);
    await customer.writes('antes');
    const { secret } = customer.hook;
    const next = randomBytes(16).toString('hex');
    assert.equal((await vault(['put', slug, 'whatsapp_cloud', 'APP_SECRET'], next)).code, 0);
    await until(async () => (await customer.tries(customer.message('viejo'))).status === 401, { what: 'the old secret is refused' });
    customer.hook.secret = next;
    await customer.writes('después');
    assert.equal((await vault(['put', slug, 'whatsapp_cloud', 'APP_SECRET'], secret)).code, 0);
    customer.hook.secret = secret;
    await until(async () => (await customer.tries(customer.message('otra vez'))).status === 200);
  });
});

describe('the keys', () => {
  it('are rotated, retired and replaced while everybody is answered', async () => {
    const customers = [0, 1].map((shop) => new Customer(system, { shop }));
    let over = false;
    const writing = customers.map(async (customer) => {
      for (let n = 1; !over; ++n) {
        await customer.writes(`pregunta ${n}`);
        await customer.receives(n);
      }
      return customer.bubbles.length;
    });
    const versions = async () => JSON.parse((await vault(['state', '--json'])).printed);
    const { keys: before } = await versions();
    for (const step of [['rotate'], ['rekey', slug], ['rotate', '--prepare'], ['rotate'], ['retire', '--yes'], ['rekey', '--all']]) {
      const { code, printed } = await vault(step);
      assert.equal(code, 0, printed);
    }
    over = true;
    const answered = await Promise.all(writing);
    assert.ok(Math.min(...answered) >= 2, `answered: ${answered}`);
    const { keys, in_use: inUse } = await versions();
    assert.deepEqual(keys, [before.at(-1) + 2]);
    assert.deepEqual(inUse.map(({ version }) => version), keys);
    for (const { attempts } of customers) assert.ok(attempts.every(({ accepted }) => accepted), 'no send was refused');
    const refused = system.fakes.openai.calls.filter(({ status }) => status === 401);
    assert.deepEqual(refused, []);
  });

  it('are told by no command and no log', async () => {
    const key = (await readFile(join(dirname(system.config), 'master.key'), 'utf8')).trim();
    assert.match(key, /^\d+:[0-9a-f]{64}$/);
    told += await system.log();
    assert.ok(!told.includes(key.split(':')[1]));
  });
});

describe('a canary', () => {
  it('is in no log, metric, row or dump of the database, and no core file would have it', async () => {
    told += await system.log();
    told += await system.metrics();
    const dump = await run('pg_dump', [system.postgres], { maxBuffer: 1 << 30 });
    assert.ok(!told.includes(canary));
    assert.ok(!dump.stdout.includes(canary));
    assert.ok(!dump.stdout.includes(Buffer.from(canary).toString('hex')));
    const limits = await readFile(`/proc/${await system.pid()}/limits`, 'utf8');
    assert.match(limits, /Max core file size +0 +0/);
  });
});

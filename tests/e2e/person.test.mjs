// A customer's rights, and a shop's: everything of a person is handed out, then erased, and does not come back: not by a
// provider's retry, not by a worker that was busy, not by a backup.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';

import { until, up } from './harness.mjs';
import { Visitor } from './web.mjs';
import { Customer } from './whatsapp.mjs';

const run = promisify(execFile);
const dumped = { maxBuffer: 1 << 30 };

let system;
let slug;
let folder;

before(async () => {
  system = await up({ quietMs: 200 });
  slug = system.shops[0].slug;
  folder = await mkdtemp(join(tmpdir(), 'relevo-person-'));
});
after(async () => {
  await system?.leave();
  await rm(folder, { recursive: true, force: true });
});

const canary = () => `CANARIO${randomBytes(8).toString('hex')}`;
const dump = async () => (await run('pg_dump', [system.postgres], dumped)).stdout;
const erase = (customer, ...more) => system.command('person', 'erase', slug, `whatsapp:${customer.address}`, '--json', ...more);

/** In text, and as bytes are dumped. */
const forms = (text) => [text, Buffer.from(text).toString('hex'), Buffer.from(text).toString('base64').replace(/=*$/, '').slice(0, -2)];

async function assertNowhere(...words) {
  const all = await dump();
  for (const form of words.flatMap(forms)) assert.ok(!all.includes(form), `${form} is in the dump`);
}

async function contactOf(customer) {
  const [row] = await system.sql(`SELECT c.id AS conversation, c.contact_id AS contact FROM conversations AS c
    JOIN aliases AS a ON a.contact_id = c.contact_id WHERE a.value = '${customer.address}'`);
  return row;
}

describe('a person', () => {
  const mine = canary();
  const theirs = canary();
  let customer;
  let other;
  let written;
  let ids;

  it('gets all that is kept of them, and nothing of others', async () => {
    [customer, other] = [new Customer(system), new Customer(system)];
    written = await customer.writes(`hola ${mine}`);
    await other.writes(`hola ${theirs}`);
    await Promise.all([customer.receives(1), other.receives(1)]);
    await system.untilIdle();
    ids = await contactOf(customer);
    const file = join(folder, 'person.json');
    await system.command('person', 'export', slug, `whatsapp:+${customer.address}`, '--to', file);
    const text = await readFile(file, 'utf8');
    const person = JSON.parse(text);
    assert.equal(person.contact, ids.contact);
    assert.equal(person.messages.filter(({ direction }) => direction === 'in').length, 1);
    assert.ok(person.replies.length >= 1 && person.steps.length >= 1 && person.deliveries.length >= 1);
    assert.ok(text.includes(mine) && !text.includes(theirs) && !text.includes(other.address));
  });

  it('is shown before they are erased', async () => {
    const plan = JSON.parse(await erase(customer));
    assert.equal(plan.dry_run, true);
    assert.equal(plan.contact, ids.contact);
    assert.ok(plan.rows.messages >= 2);
    assert.ok((await dump()).includes(mine));
  });

  it('is nowhere in the database once they are erased, and the other one is as before', async () => {
    const { erased_at_ms: at, rows } = JSON.parse(await erase(customer, '--yes'));
    assert.ok(rows.messages >= 2 && at <= Date.now());
    await assertNowhere(mine, customer.address, ids.contact, ids.conversation);
    assert.ok((await dump()).includes(theirs));
  });

  it('does not come back with a webhook that the provider sends again', async () => {
    for (const message of written) await customer.deliver(message);
    await until(async () => (await system.metric('relevo_drops_total', { stage: 'resolve', reason: 'erased' })) >= written.length);
    await system.untilIdle();
    await assertNowhere(mine, customer.address);
  });

  it('leaves the books as they were, but for the words', async () => {
    const args = ['--config', system.config, 'audit', '--json', '--since', '1h', '--tenant', slug];
    const { reasons, unexplained } = JSON.parse((await run(system.relevo, args)).stdout);
    assert.deepEqual(unexplained, []);
    assert.ok(reasons.answered[''] >= 2, 'the erased one was answered, and is counted');
  });

  it('is somebody new when they write again', async () => {
    // a provider's time has seconds: what was written in the erasure's second is taken for older
    await customer.deliver(customer.message('soy nueva', { at: Date.now() + 2_000 }));
    await until(async () => (await contactOf(customer))?.contact);
    const fresh = await contactOf(customer);
    assert.notEqual(fresh.contact, ids.contact);
    assert.notEqual(fresh.conversation, ids.conversation);
  });
});

describe('a visitor of the page', () => {
  it('who was erased is answered when they write again, while the page stays open', async () => {
    const mine = canary();
    const visitor = await new Visitor(system).arrives();
    try {
      await visitor.says(`hola ${mine}`);
      await visitor.isAnswered();
      await system.untilIdle();
      await system.command('person', 'erase', slug, `web:${visitor.id}`, '--json', '--yes');
      await assertNowhere(mine);
      const before = visitor.answers.length;
      await visitor.says('soy nueva');
      await visitor.isAnswered(before + 1);
      assert.ok(visitor.messages.some(({ direction, text }) => direction === 'in' && text === 'soy nueva'));
    } finally {
      visitor.leaves();
    }
  });
});

describe('an erasure while the model answers', () => {
  it('leaves no row of the answer, and the others get theirs', async () => {
    const mine = canary();
    const [customer, other] = [new Customer(system), new Customer(system)];
    await customer.writes(`hola ${mine}`);
    await until(async () => (await contactOf(customer))?.contact);
    const erasing = erase(customer, '--yes');
    await other.writes('hola');
    await erasing;
    await other.receives(1);
    await system.untilIdle();
    await assertNowhere(mine, customer.address);
  });
});

describe('a person whom the shop erases by the API', () => {
  it('goes with the contact of its CRM that has their number, and is not erased twice', async () => {
    const [{ id }] = await system.sql(`SELECT id FROM tenants WHERE slug = '${slug}'`);
    const call = async (method, target, body, headers = {}) => {
      const type = body && { 'content-type': 'application/json' };
      const response = await fetch(`${system.http}/v1${target}`, { method, headers: { ...headers, ...type }, body: body && JSON.stringify(body) });
      const text = await response.text();
      assert.ok(response.ok, `${method} ${target}: ${text}`);
      return JSON.parse(text);
    };
    const operator = { authorization: `Bearer ${system.admin_token}`, 'x-tenant-id': String(id) };
    const user = await call('POST', '/users', { email: 'ana.erases@example.com', roles: ['admin'] }, operator);
    const { ticket } = await call('POST', `/users/${user.id}/tickets`, undefined, operator);
    const { secret } = await call('POST', '/tickets/redeem', { ticket, password: 'una clave larga' });
    const admin = { authorization: `Bearer ${secret}` };

    const mine = canary();
    const customer = new Customer(system);
    const told = await call('POST', '/contacts', { name: mine, phone: `+${customer.address}` }, admin);
    await customer.writes(`hola ${mine}`);
    await customer.receives(1);
    await system.untilIdle();
    const rows = [];
    for (let next = ''; next !== undefined; ) {
      const page = await call('GET', `/contacts/${told.id}/export?limit=5${next && `&cursor=${next}`}`, undefined, admin);
      rows.push(...page.items);
      next = page.next;
    }
    assert.ok(rows.some(({ table, row }) => table === 'messages' && row.text === `hola ${mine}`));
    assert.equal(rows.filter(({ table }) => table === 'contacts').length, 2);

    const erased = await call('POST', `/contacts/${told.id}/erasure`, undefined, admin);
    assert.equal(erased.rows.contacts, 2);
    await assertNowhere(mine, customer.address, told.id);
    assert.deepEqual(await call('POST', `/contacts/${told.id}/erasure`, undefined, admin), erased);
    const { items } = await call('GET', '/audit-log?action=contact.erase', undefined, admin);
    assert.ok(items.some(({ actor }) => actor.id === user.id));
  });
});

describe('a backup', () => {
  it('that is restored learns of the erasures from the log at the start', async () => {
    const mine = canary();
    const customer = new Customer(system);
    await customer.writes(`hola ${mine}`);
    await customer.receives(1);
    await system.untilIdle();
    const tables = ['contacts', 'aliases', 'conversations', 'messages', 'turns', 'steps', 'answers', 'replies', 'deliveries'];
    const backup = join(folder, 'backup.sql');
    const { stdout } = await run('pg_dump', [system.postgres, '--data-only', ...tables.flatMap((table) => ['-t', table])], dumped);
    await writeFile(backup, `SET session_replication_role = replica;\nTRUNCATE ${tables.join(', ')}, tool_calls, erased_aliases, erased_events, erasures CASCADE;\n${stdout}`);
    await erase(customer, '--yes');
    await assertNowhere(mine);
    await system.stop();
    await run('psql', [system.postgres, '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', backup], dumped);
    assert.ok((await dump()).includes(mine), 'the backup brought them back');
    await system.start();
    await until(async () => !(await dump()).includes(mine), { what: 'they are erased again' });
    await assertNowhere(customer.address);
    assert.equal(JSON.parse(await system.command('person', 'reapply', '--json')).applied, 0);
  });
});

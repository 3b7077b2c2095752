// A broken installation in an operator's hands: an account that nobody has, a poison record, a token that was refused. What
// became of each message is asked, mended and sent again with the commands alone, and no command tells what people wrote.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';

import { messagesChange, postWhatsApp, whatsappMessage } from './fakes/webhooks.mjs';
import { newNumber, until, up } from './harness.mjs';
import { Customer } from './whatsapp.mjs';

const run = promisify(execFile);
const canary = `canario${randomInt(1e9)}`;
const answer = ({ messages }) => `Recibido: ${messages.at(-1).content}`;
const demoToken = 'demo-access-token';

let system;
let folder;
let told = ''; // by every command that was not asked for words

before(async () => {
  system = await up({ quietMs: 300, fakes: { openai: { answer }, whatsapp: { tokens: [demoToken] } } });
  folder = await mkdtemp(join(tmpdir(), 'relevo-operator-'));
});
after(async () => {
  await rm(folder, { recursive: true });
  await system?.leave();
});

/** A command as it is typed: {code, stdout, stderr, json}. */
async function relevo(args, config = system.config) {
  const done = await run(system.relevo, ['--config', config, ...args], { maxBuffer: 64 << 20 }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );
  if (!args.includes('--show-text')) told += done.stdout + done.stderr;
  if (args.includes('--json') && done.stdout) done.json = JSON.parse(done.stdout);
  return done;
}

/** What only a fault does, as the superuser. */
const psql = (statement) => run('psql', [system.postgres, '-XAtqc', statement]);

const shopYaml = (slug, account, token, appOf) => `slug: ${slug}
name: ${slug}
agent: {provider: openai, base_url: "${system.fakes.url}/openai/v1", model: fake-model, quiet_ms: 300}
credentials: {openai: {API_KEY: fake-key}}
whatsapp: {phone_number_id: "${account}", access_token: ${token}, ${appOf ? `app_of: ${appOf}` : `app_secret: ${system.app_secret}`}}
`;

async function letterOf(id) {
  return until(async () => {
    const { json } = await relevo(['why', id, '--json']);
    return json?.standing?.ended === 'dead' && json;
  }, { what: `${id} is dead` });
}

describe('a message for an account that no shop has', () => {
  const account = `39${randomInt(1e8, 1e9)}`;
  const from = newNumber();
  const message = whatsappMessage({ from, text: `hola ${canary}` });

  it('is explained, listed by account, and answered once the account is there', async () => {
    const { url, secret } = system.hook();
    const response = await postWhatsApp(url, secret, [messagesChange({ account, messages: [message] })]);
    assert.equal(response.status, 200);

    const story = await letterOf(message.id);
    assert.equal(story.standing.code, 'resolve.unknown_account');
    assert.match(story.next, /no shop has whatsapp account 39\d+: add it to the shop's file/);
    const page = await relevo(['why', from]);
    assert.equal(page.code, 1);
    assert.match(page.stdout, /it is\s+dead \(resolve.unknown_account\)/);

    const listed = async () => {
      const { json } = await relevo(['dead', 'list', '--unknown-accounts', '--json']);
      return json.find((row) => row.account === account);
    };
    const { letters, contacts } = await listed();
    assert.deepEqual({ letters, contacts }, { letters: 1, contacts: 1 });
    const books = await relevo(['audit', '--json', '--since', '10m']);
    assert.ok(books.json.reasons.dead['resolve.unknown_account'] >= 1);

    await system.applyShops(shopYaml(`late-${account}`, account, demoToken, system.shops[0].slug));
    await until(() => system.fakes.whatsapp.attemptsTo(from).some(({ accepted }) => accepted), { what: 'it is answered' });
    assert.equal(await listed(), undefined);
    const answered = await until(async () => {
      const { json } = await relevo(['why', message.id, '--json']);
      return json.standing.ended === 'answered' && json;
    });
    const events = answered.events.map(({ event }) => event);
    for (const event of ['record.dead', 'letter.redriven', 'turn.opened', 'delivery.confirmed']) assert.ok(events.includes(event), event);
    const traced = await relevo(['trace', message.id, '--json']);
    assert.equal(traced.json.trace, answered.trace);
    const names = traced.json.spans.map(({ name }) => name);
    for (const name of ['window', 'turn', 'retrieve', 'infer', 'reply 1', 'send 1']) assert.ok(names.includes(name), name);
  });
});

describe('a poison record', () => {
  it('is found, mended and sent again by hand', async () => {
    const from = newNumber();
    const event = `wamid.poison${randomInt(1e9)}`;
    const { account } = system.shops[0].webhooks.whatsapp;
    const [{ id: scope }] = await system.sql(`SELECT endpoint_id AS id FROM accounts WHERE external_id = '${account}'`);
    const [{ id: installation }] = await system.sql('SELECT id FROM installation');
    const value = {
      channel: 'whatsapp', scope, kind: 'message', account, event_id: event, type: 'text', text: `poison ${canary}`,
      aliases: 'nobody',
    };
    const key = `whatsapp/${account}:${from}`;
    const expires = Date.now() + 3_600_000;
    const headers = { id: randomUUID(), type: 't', source: 's', subject: 's', traceparent: '', installation, expires };
    await psql(`INSERT INTO timers (id, due_at, topic, key, value, headers) VALUES ('${randomUUID()}', now(),
      'messages.received', '${key}', '${JSON.stringify(value)}', '${JSON.stringify(headers)}')`);

    const { standing } = await letterOf(event);
    assert.equal(standing.code, 'record.malformed');
    const id = String(standing.letter);
    const shown = await relevo(['dead', 'show', id]);
    assert.match(shown.stdout, /record.malformed/);
    assert.match((await relevo(['dead', 'show', id, '--show-text'])).stdout, new RegExp(`poison ${canary}`));

    const fixed = join(folder, 'fixed.json');
    await writeFile(fixed, '{"channel": "whatsapp"}');
    const refused = await relevo(['dead', 'edit', id, '--from', fixed]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /would be dead again/);
    await writeFile(fixed, JSON.stringify({ ...value, text: 'hola', aliases: [{ kind: 'wa_id', value: from }] }));
    assert.equal((await relevo(['dead', 'edit', id, '--from', fixed])).code, 0);

    const dry = await relevo(['dead', 'retry', id]);
    assert.match(dry.stdout, /would retry 1 dead letter\n[^]*nothing was done/);
    assert.equal(system.fakes.whatsapp.attemptsTo(from).length, 0);
    assert.equal((await relevo(['dead', 'retry', id, '--yes'])).code, 0);
    await until(() => system.fakes.whatsapp.attemptsTo(from).some(({ accepted }) => accepted), { what: 'it is answered' });
    const again = await relevo(['dead', 'retry', id, '--yes']);
    assert.equal(again.code, 1);
    assert.match(again.stderr, new RegExp(`letter ${id} is not there, or not dead any more`));
  });

  it('is given up for a reason that stands in the books', async () => {
    const key = `whatsapp/0:${newNumber()}`;
    await psql(`INSERT INTO timers (id, due_at, topic, key, value, headers)
      VALUES ('${randomUUID()}', now(), 'messages.received', '${key}', 'no JSON', '{}')`);
    const letters = await until(async () => {
      const { json } = await relevo(['dead', 'list', '--key', key, '--json']);
      return json.length > 0 && json;
    });
    assert.equal(letters.length, 1);
    const reason = `spam ${randomInt(1e9)}`;
    assert.equal((await relevo(['dead', 'drop', '--key', key, '--reason', reason, '--yes'])).code, 0);
    const { json } = await relevo(['audit', '--json']);
    assert.equal(json.reasons.dropped[reason], 1);
  });
});

describe('a token that was refused', () => {
  it('is named, with what to do', async () => {
    const account = `38${randomInt(1e8, 1e9)}`;
    const [shop] = await system.applyShops(shopYaml(`token-${account}`, account, 'wrong-token'));
    system.shops.push(shop);
    const customer = new Customer(system, { shop: system.shops.length - 1 });
    const [{ id }] = await customer.writes(`hola ${canary}`);
    const story = await until(async () => {
      const { json } = await relevo(['why', id, '--json']);
      return json?.standing?.code && json;
    }, { what: 'the refusal is told' });
    assert.equal(story.standing.code, 'whatsapp.bad_token');
    assert.equal(story.standing.waits_at, 'relay');
    assert.match(story.next, /the token was refused: whatsapp.bad_token .*relevo shops apply/);
    assert.match((await relevo(['why', id])).stdout, /attempt 1 refused: whatsapp.bad_token/);
    await psql(`UPDATE replies SET due_at = now() WHERE due_at > now();`);
  });
});

describe('the books', () => {
  it('balance, until a message stands still that nothing holds', async () => {
    const customer = new Customer(system);
    const [{ id }] = await customer.writes(`hola ${canary}`);
    await customer.receives(1);
    await system.untilIdle();
    const planted = randomUUID();
    const since = '2h';
    const before = await relevo(['audit', '--json', '--since', since]);
    assert.equal(before.code, 0, before.stdout);
    await psql(`INSERT INTO messages (tenant_id, id, conversation_id, account_id, seq, direction, author, kind, text, event_id,
        at, appended_at)
      SELECT tenant_id, '${planted}', conversation_id, account_id, 1000, direction, author, kind, '${canary}', '${planted}',
        now() - interval '1 h', now() - interval '1 h' FROM messages WHERE event_id = '${id}'`);
    try {
      const books = await relevo(['audit', '--json', '--since', since, '--tenant', system.shops[0].slug]);
      assert.equal(books.code, 1);
      assert.deepEqual(books.json.unexplained.map(({ message }) => message), [planted]);
      const why = await relevo(['why', planted]);
      assert.equal(why.code, 1);
      assert.match(why.stdout, /stands still at buffer for 1 h, and nothing holds it/);
    } finally {
      await psql(`DELETE FROM messages WHERE id = '${planted}'`);
    }
  });
});

describe('a slip of the hand', () => {
  const errorOf = ({ stderr }) => JSON.parse(stderr).error;

  it('is told as an error of one line, whatever command it was', async () => {
    for (const command of [
      ['dead', 'list', '--tenant', 'nix'],
      ['audit', '--tenant', 'nix'],
      ['pause', 'relay', '--tenant', 'nix'],
      ['replay', '--last', '1', '--tenant', 'nix'],
      ['replay', 'replies.ready', '--stage', 'relay', '--from', '1m', '--tenant', 'nix'],
      ['vault', 'list', 'nix'],
      ['shops', 'remove', 'nix'],
    ]) {
      const done = await relevo([...command, '--json']);
      assert.equal(done.code, 1, command.join(' '));
      assert.equal(errorOf(done).code, 'shop.unknown', command.join(' '));
    }
    const misused = await relevo(['audit', '--since', 'nonsense', '--json']);
    assert.equal(misused.code, 2);
    assert.equal(errorOf(misused).code, 'usage.invalid');
  });

  it('is told once where the database is away', async () => {
    const settings = await readFile(system.config, 'utf8');
    const away = join(folder, 'away.yaml');
    await writeFile(away, settings.replaceAll(/postgresql:\/\/([^@]*)@[^/]*/g, 'postgresql://$1@127.0.0.1:1'));
    const { code, stderr } = await relevo(['pause', 'list'], away);
    assert.equal(code, 1);
    assert.match(stderr, /^relevo: [^{]*\(postgres.unavailable\)\n$/);
  });
});

describe("a shop's file", () => {
  it('changes what it states, after a dry run that changes nothing, and retires an account only with --yes', async () => {
    const [first, second] = [`36${randomInt(1e8, 1e9)}`, `36${randomInt(1e8, 1e9)}`];
    const slug = `part-${first}`;
    await system.applyShops(shopYaml(slug, first, demoToken));
    const apply = async (text, ...options) => {
      const file = join(folder, `${slug}.yaml`);
      await writeFile(file, `slug: ${slug}\n${text}`);
      return relevo(['shops', 'apply', file, ...options]);
    };
    const rows = () => system.sql(`SELECT t.keep_days, (SELECT json_agg(a.external_id) FROM accounts AS a
      WHERE a.tenant_id = t.id AND a.retired_at IS NULL) AS accounts FROM tenants AS t WHERE t.slug = '${slug}'`);
    const before = await rows();
    assert.deepEqual(before, [{ keep_days: null, accounts: [first] }]);

    const little = 'keep_days: 90\ncatalogue: [{sku: A, name: Uno}]\n';
    const expected = `${slug}: keep_days: 90, was for ever\n${slug}: catalogue: 1 products, 1 new, 0 changed, 0 gone\n`;
    const dry = await apply(little, '--dry-run');
    assert.deepEqual([dry.code, dry.stdout], [0, `${expected}${slug}: nothing was done\n`]);
    assert.deepEqual(await rows(), before);
    assert.equal((await apply(little)).stdout, expected);
    assert.deepEqual(await rows(), [{ keep_days: 90, accounts: [first] }]);
    assert.equal((await apply(little)).stdout, `${slug}: nothing changes\n`);

    const another = `whatsapp: {phone_number_id: "${second}"}\n`;
    const refused = await apply(another);
    assert.equal(refused.code, 1);
    assert.match(refused.stdout, new RegExp(`account whatsapp ${first} retired\n[^]*nothing was done: .*--yes does it`));
    assert.deepEqual(await rows(), [{ keep_days: 90, accounts: [first] }]);
    const done = await apply(another, '--yes', '--json');
    assert.equal(done.code, 0);
    assert.equal(done.json[0].applied, true);
    assert.deepEqual(done.json[0].changes, [
      { part: 'account', name: `whatsapp ${first}`, change: 'retired' },
      { part: 'account', name: `whatsapp ${second}`, change: 'new' },
    ].sort((a, b) => (a.name < b.name ? -1 : 1)));
    assert.deepEqual(await rows(), [{ keep_days: 90, accounts: [second] }]);
  });

  it('is refused where it would make a shop without a name, and where a bot has the token of another one', async () => {
    const file = join(folder, 'wrong.yaml');
    await writeFile(file, 'slug: nobody-made-it\nkeep_days: 90\n');
    const unnamed = await relevo(['shops', 'apply', file]);
    assert.equal(unnamed.code, 1);
    assert.match(unnamed.stderr, /there is no shop 'nobody-made-it' yet: state the name/);
    await writeFile(file, 'slug: nobody-made-it\nname: N\ntelegram: {bot_id: "77", bot_token: "78:canary-token"}\n');
    const mixed = await relevo(['shops', 'apply', file]);
    assert.equal(mixed.code, 1);
    assert.match(mixed.stderr, /wrong.yaml:3:20: bot_token is not that of bot 77/);
    assert.doesNotMatch(mixed.stderr, /canary-token/);
    assert.deepEqual(await system.sql("SELECT FROM tenants WHERE slug = 'nobody-made-it'"), []);
  });

  it('never has the secret of its app on a terminal', async () => {
    const printed = await relevo(['shops', 'list', '--all', '--json']);
    assert.equal(printed.code, 0);
    assert.doesNotMatch(printed.stdout, new RegExp(system.app_secret));
  });
});

describe('a shop that leaves', () => {
  it('takes nothing any more, loses its secrets, and comes back as it was', async () => {
    const account = `37${randomInt(1e8, 1e9)}`;
    const slug = `gone-${account}`;
    const file = join(folder, `${slug}.yaml`);
    const [shop] = await system.applyShops(shopYaml(slug, account, demoToken));
    const listed = async (...options) => {
      const all = (await relevo(['shops', 'list', '--json', ...options])).json;
      return all.find((each) => each.slug === slug);
    };
    const dry = await relevo(['shops', 'remove', slug]);
    assert.equal(dry.code, 0);
    assert.match(dry.stdout, /accounts 1, open conversations 0[^]*nothing was done/);
    const begun = await relevo(['shops', 'remove', slug, '--yes', '--json']);
    assert.deepEqual([begun.code, begun.json.accounts, begun.json.removed], [1, 1, false]);
    assert.equal((await listed()).leaving, true);
    // as if two minutes had passed
    await system.execute(`UPDATE accounts SET retired_at = retired_at - interval '2 minutes' WHERE external_id = '${account}'`);
    const done = await relevo(['shops', 'remove', slug, '--yes', '--json']);
    assert.deepEqual([done.code, done.json.accounts, done.json.removed], [0, 0, true]);
    assert.equal(await listed(), undefined);
    assert.equal((await listed('--all')).retired, true);
    assert.deepEqual((await relevo(['vault', 'list', slug, '--json'])).json, []);
    await writeFile(file, shopYaml(slug, account, demoToken));
    assert.equal((await relevo(['shops', 'apply', file])).code, 0);
    assert.equal((await listed()).webhooks.whatsapp.url, shop.webhooks.whatsapp.url);
  });
});

describe('what people wrote', () => {
  it('is told by --show-text only, and only to the role that may read it', async () => {
    const customer = new Customer(system);
    const [{ id }] = await customer.writes(`hola ${canary}`);
    await customer.receives(1);
    await relevo(['why', id]);
    await relevo(['trace', customer.address]);
    await relevo(['dead', 'list', '--status', 'all']);
    assert.match((await relevo(['why', id, '--show-text'])).stdout, new RegExp(canary));
    assert.doesNotMatch(told, new RegExp(canary));

    const settings = await readFile(system.config, 'utf8');
    const poor = join(folder, 'poor.yaml');
    const line = /^ *operator_text_url: .*$/m;
    await writeFile(poor, settings.replace(line, ''));
    const missing = await relevo(['why', id, '--show-text'], poor);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /postgres.operator_text_url/);
    const [, plain] = /operator_url: "(.*)"/.exec(settings);
    await writeFile(poor, settings.replace(line, `  operator_text_url: "${plain}"`));
    const refused = await relevo(['why', id, '--show-text'], poor);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /operator.refused/);
    assert.doesNotMatch(missing.stdout + refused.stdout + missing.stderr + refused.stderr, new RegExp(canary));
    assert.doesNotMatch(await system.log(), new RegExp(canary));
  });
});

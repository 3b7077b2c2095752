// `relevo doctor` on the running system, whole and broken, and what its metrics and completions say.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { until, up } from './harness.mjs';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('../..', import.meta.url));

let system;
let folder;

before(async () => {
  system = await up();
  folder = await mkdtemp(join(tmpdir(), 'relevo-doctor-'));
  const hooks = system.shops.filter(({ webhooks }) => webhooks.telegram).map(({ webhooks }) => webhooks.telegram);
  // the models of shops that other tests left behind are gone
  await system.execute(`UPDATE agents SET provider = 'offline', fallbacks = '[]'
    WHERE tenant_id NOT IN (SELECT id FROM tenants WHERE slug IN ('pointe', 'tueste'))`);
  system.fakes.telegram.webhooks = new Map(hooks.map(({ account, url }) => [Number(account), url]));
});
after(async () => {
  await system?.leave();
  await rm(folder, { recursive: true });
});

async function relevo(args, config = system.config) {
  try {
    const { stdout } = await run(system.relevo, ['--config', config, ...args], { maxBuffer: 16 << 20 });
    return { code: 0, stdout };
  } catch ({ code, stdout, stderr }) {
    return { code, stdout, stderr };
  }
}

/** What doctor finds, and what of it is no good: {code, complaints, findings}. */
async function doctor(options = [], config = undefined) {
  const { code, stdout, stderr } = await relevo(['doctor', '--json', ...options], config);
  assert.ok(stdout, stderr);
  const { wrong, warnings, skipped, findings } = JSON.parse(stdout);
  const complaints = findings.filter(({ verdict }) => verdict === 'wrong' || verdict === 'warning');
  assert.equal(findings.filter(({ verdict }) => verdict === 'skipped').length, skipped);
  assert.equal(complaints.length, wrong + warnings);
  assert.ok(complaints.every(({ advice }) => advice));
  return { code, complaints, findings };
}

const wrongOnes = ({ complaints }) => complaints.filter(({ verdict }) => verdict === 'wrong');

/** The only thing that is wrong. */
function theOne(examined) {
  assert.equal(examined.code, 1);
  assert.equal(wrongOnes(examined).length, 1, JSON.stringify(wrongOnes(examined)));
  return wrongOnes(examined)[0];
}

async function superuser(statement) {
  await run('psql', [system.postgres, '-XAtqc', statement]);
}

/** The configuration with some of it replaced, as a file of its own. */
async function config(...replacements) {
  let text = await readFile(system.config, 'utf8');
  for (const [from, to] of replacements) {
    assert.match(text, from);
    text = text.replace(from, to);
  }
  const file = join(folder, 'relevo.yaml');
  await writeFile(file, text, { mode: 0o600 });
  return file;
}

describe('doctor', () => {
  it('finds a development installation whole: one broker and a local address are warnings', async () => {
    const examined = await doctor();
    assert.deepEqual(wrongOnes(examined), []);
    assert.equal(examined.code, 0);
    const warned = examined.complaints.map(({ check }) => check).filter((check) => check !== 'dead letters');
    assert.deepEqual(warned, ['public address', 'replication']);
    assert.match(JSON.stringify(examined.findings), /\d+ tokens are valid/);
    assert.match(JSON.stringify(examined.findings), /2 providers have the right webhook address/);
    assert.match(JSON.stringify(examined.findings), /2 models are there and take their keys/);
    assert.ok(examined.findings.every(({ verdict }) => verdict !== 'skipped'));
  });

  it('offline says what it did not ask', async () => {
    const { findings } = await doctor(['--offline']);
    const skipped = findings.filter(({ verdict }) => verdict === 'skipped').map(({ check }) => check);
    assert.deepEqual(skipped, ['tokens', 'webhooks', 'models', 'public address answers']);
  });

  it('names the shops whose model refuses their key, and shows no key', async () => {
    system.fakes.openai.keys = ['another'];
    try {
      const examined = await doctor();
      const refused = wrongOnes(examined).filter(({ check }) => check === 'models');
      assert.deepEqual(refused.map(({ text }) => text.split(' ')[0]).sort(), ["pointe's", "tueste's"]);
      assert.match(refused[0].text, /answered 401/);
      assert.match(refused[0].advice, /^relevo vault put (pointe|tueste) openai API_KEY < FILE$/);
      assert.doesNotMatch(JSON.stringify(examined.findings), /fake-key/);
    } finally {
      system.fakes.openai.keys = undefined;
    }
  });

  it('finds a model that is not there, an address that is none and a fallback without its key', async () => {
    const tueste = "tenant_id = (SELECT id FROM tenants WHERE slug = 'tueste')";
    const [{ model, base_url: address }] = await system.sql(`SELECT model, base_url FROM agents WHERE ${tueste} AND provider = 'openai'`);
    const agent = (changes) => system.execute(`UPDATE agents SET ${changes} WHERE ${tueste} AND provider = 'openai'`);
    try {
      await agent("model = 'gone'");
      const missing = (await doctor()).complaints.find(({ check }) => check === 'models');
      assert.equal(missing.verdict, 'warning');
      assert.match(missing.text, /^tueste's model gone of openai: .* lists 1 models, and not this one$/);
      await agent("base_url = 'models.example/v1'");
      assert.match(theOne(await doctor(['--offline'])).text, /^tueste's model gone .* no http or https URL$/);
      await agent(`model = '${model}', base_url = '${address}',
        fallbacks = '[{"provider": "openai", "base_url": "", "model": "second", "credentials": "other"}]'`);
      assert.equal(theOne(await doctor(['--offline'])).advice, 'relevo vault put tueste other API_KEY < FILE');
    } finally {
      await agent(`model = '${model}', base_url = '${address}', fallbacks = '[]'`);
    }
  });

  it('tells a pause with its reason, and its advice ends it', async () => {
    await system.command('pause', 'relay', '--tenant', 'tueste', '--reason', 'wrong prices', '--by', 'ana');
    const paused = ({ complaints }) => complaints.find(({ check }) => check === 'pauses');
    const { verdict, text, advice } = paused(await doctor(['--offline']));
    await system.command(...advice.split(' ').slice(1));
    assert.equal(verdict, 'warning');
    assert.match(text, /^relay is paused for tueste since 2\S+Z by ana: wrong prices$/);
    assert.equal(paused(await doctor(['--offline'])), undefined);
  });

  it('finds a table that no longer forces its policies', async () => {
    await superuser('ALTER TABLE messages NO FORCE ROW LEVEL SECURITY');
    try {
      const { check, text, advice } = theOne(await doctor(['--offline']));
      assert.equal(check, 'row-level security');
      assert.match(text, /table messages/);
      assert.match(advice, /ALTER TABLE messages FORCE ROW LEVEL SECURITY/);
    } finally {
      await superuser('ALTER TABLE messages FORCE ROW LEVEL SECURITY');
    }
    assert.equal((await doctor(['--offline'])).code, 0);
  });

  it('finds a topic that forgets too soon, and its advice mends it', async () => {
    const pipeline = await readFile(join(repository, 'pipelines/conversation.yaml'), 'utf8');
    const shorter = pipeline.replace(/^( *turns\.ready: .*)14d/m, (_, start) => `${start}2d`);
    assert.notEqual(shorter, pipeline);
    const pipelines = await mkdtemp(join(folder, 'pipelines-'));
    await writeFile(join(pipelines, 'conversation.yaml'), shorter);
    const forgetful = await config([/^pipelines: .*$/m, `pipelines: ${pipelines}`]);
    assert.equal((await relevo(['topics', 'apply'], forgetful)).code, 0);
    const { check, text, advice } = await until(async () => theOne(await doctor(['--offline'])));
    assert.equal(check, 'retention');
    assert.match(text, /turns\.ready keeps records for 48 h, 336 h are declared/);
    assert.equal(advice, 'relevo topics apply');
    assert.equal((await relevo(['topics', 'apply'])).code, 0);
    await until(async () => (await doctor(['--offline'])).code === 0);
  });

  it('names the account whose token a provider refuses, and shows no token', async () => {
    system.fakes.telegram.tokens = ['7000000002:demo-bot-token'];
    system.fakes.whatsapp.tokens = [];
    try {
      const examined = await doctor();
      assert.equal(examined.code, 1);
      const refused = wrongOnes(examined).map(({ check, text }) => `${check}: ${text.split(':')[0]}`)
        .filter((line) => /(pointe|tueste)'s/.test(line)); // other tests leave shops behind
      assert.deepEqual(refused.sort(), [
        "tokens: pointe's telegram account 7000000001",
        "tokens: pointe's whatsapp account 1000000001",
        "tokens: tueste's whatsapp account 1000000002",
      ]);
      assert.doesNotMatch(JSON.stringify(examined.findings), /demo-bot-token|demo-access-token/);
    } finally {
      system.fakes.telegram.tokens = undefined;
      system.fakes.whatsapp.tokens = undefined;
    }
  });

  it('finds a webhook that goes elsewhere, and does not show where', async () => {
    const [bot] = system.fakes.telegram.webhooks.keys();
    const right = system.fakes.telegram.webhooks.get(bot);
    system.fakes.telegram.webhooks.set(bot, 'https://old.example/webhooks/telegram/secret');
    try {
      const { check, text } = theOne(await doctor());
      assert.equal(check, 'webhooks');
      assert.match(text, new RegExp(`telegram account ${bot}: .* another address`));
      assert.doesNotMatch(text, /secret/);
    } finally {
      system.fakes.telegram.webhooks.set(bot, right);
    }
  });

  it('names the credentials that another master key sealed', async () => {
    await writeFile(join(folder, 'other.key'), 'ab'.repeat(32), { mode: 0o600 });
    const other = await config([/^master_key_file: .*$/m, `master_key_file: ${join(folder, 'other.key')}`]);
    const examined = await doctor(['--offline'], other);
    assert.equal(examined.code, 1);
    assert.ok(wrongOnes(examined).every(({ check }) => check === 'credentials'));
    assert.ok(wrongOnes(examined).some(({ text }) => /pointe's credential telegram BOT_TOKEN/.test(text)));
  });

  it('says of a server that is away only that, and examines the rest', async () => {
    const away = await config([/redis: .*$/m, 'redis: {url: "redis://127.0.0.1:1/0"}'], [/^kafka: .*$/m, 'kafka: {brokers: "127.0.0.1:1"}']);
    const examined = await doctor(['--offline'], away);
    assert.equal(examined.code, 1);
    assert.deepEqual(wrongOnes(examined).map(({ area }) => area), ['Kafka', 'Redis']);
    assert.match(wrongOnes(examined)[0].text, /kafka\.unavailable.*not examined: Kafka version, topics/);
    assert.ok(examined.findings.some(({ check, verdict }) => check === 'row-level security' && verdict === 'ok'));
  });

  it('finds a dead letter that waits', async () => {
    await superuser(`INSERT INTO dead_letters (stage, topic, partition, record_offset, record_key, value, headers, code, text, attempts)
      VALUES ('infer', 'doctor.test', 0, 1, 'k', '{}', '{}', 'test.test', 'a test', 1)`);
    try {
      const { complaints } = await doctor(['--offline']);
      const { text, advice } = complaints.find(({ check }) => check === 'dead letters');
      assert.match(text, /dead letters of infer/);
      assert.equal(advice, 'relevo dead list --stage infer');
      assert.ok((await system.metric('relevo_backlog_dead_letters', { stage: 'infer' })) >= 1);
    } finally {
      await superuser("DELETE FROM dead_letters WHERE topic = 'doctor.test'");
    }
  });
});

describe('metrics', () => {
  it('are as Prometheus wants them', async () => {
    const promtool = join(repository, '.dev/third_party/promtool/promtool');
    const text = await system.metrics();
    const child = spawn(promtool, ['check', 'metrics']);
    let said = '';
    child.stdout.on('data', (part) => (said += part));
    child.stderr.on('data', (part) => (said += part));
    const code = new Promise((ended, failed) => child.once('error', failed).once('exit', ended));
    child.stdin.end(text);
    assert.equal(await code, 0, said);
    assert.equal(said, '');
  });

  it('that the alert rules name are there, every stage with the same', async () => {
    const rules = await readFile(join(repository, 'docker/prometheus/relevo.rules.yml'), 'utf8');
    const text = await system.metrics();
    const described = new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name));
    // Not before something of the kind happened.
    const later = ['relevo_kafka_errors_total', 'relevo_errors_total', 'relevo_delivery_errors_total', 'relevo_webhooks_total', 'relevo_backlog_dead_letters', 'relevo_open_breakers'];
    for (const [name] of rules.matchAll(/relevo_[a-z_]+/g)) {
      if (!later.includes(name)) assert.ok(described.has(name), name);
    }
    const stages = (family) => new Set([...text.matchAll(new RegExp(`^${family}\\{.*stage="(\\w+)"`, 'gm'))].map(([, stage]) => stage));
    const all = [...stages('relevo_records_total')].sort();
    assert.ok(all.length >= 7);
    for (const family of ['relevo_duration_seconds_count', 'relevo_stuck_total', 'relevo_held_records', 'relevo_oldest_undispatched_seconds']) {
      assert.deepEqual([...stages(family)].sort(), all, family);
    }
  });
});

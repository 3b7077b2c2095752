// relevo prove: dies at each named point once and the books balance; what a killed run leaves behind goes away.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';

import { until, up } from './harness.mjs';

const run = promisify(execFile);

const steps = (stage, ...names) => names.map((name) => `${stage}.${name}`);
const around = (prefix, ...names) => names.flatMap((name) => [`${prefix}${name}.before`, `${prefix}${name}.after`]);
const everyPoint = [
  ...steps('ingress', 'received', 'ingested'),
  ...['resolve', 'buffer', 'retrieve', 'infer', 'wake'].flatMap((stage) =>
    steps(stage, 'taken', 'handled', 'published', 'settled', 'committed')),
  ...['relay', 'settle'].flatMap((stage) => steps(stage, 'taken', 'handled', 'settled', 'committed')),
  ...around('postgres.', 'find_account', 'store_message', 'store_echo', 'archive', 'claim_turn', 'turn_text', 'search'),
  ...around('postgres.', 'freeze_step', 'load_inference', 'find_credential', 'commit_answer', 'fail_turn'),
  ...around('postgres.', 'reserve_call', 'settle_call'),
  ...around('postgres.', 'claim_reply', 'finish_reply', 'settle', 'park', 'bury'),
  ...around('postgres.', 'lease_timers', 'read_timers', 'settle_timers'),
  ...around('', 'infer.typing', 'infer.model', 'relay.send'),
];

let system;

before(async () => {
  system = await up();
  await system.stop('relevo'); // only its servers are wanted
});
after(() => system?.leave());

const prove = (...args) => [system.relevo, ['--config', system.config, 'prove', ...args]];

async function leftovers() {
  const databases = await system.sql("SELECT datname FROM pg_database WHERE starts_with(datname, 'relevo_prove_')");
  const { stdout } = await run('kcat', ['-b', system.kafka, '-L', '-J'], { maxBuffer: 16 << 20 });
  const topics = JSON.parse(stdout).topics.map(({ topic }) => topic).filter((topic) => topic.startsWith('relevo-prove.'));
  return [...databases.map(({ datname }) => datname), ...topics];
}

describe('relevo prove', () => {
  it('dies at every crash point once, and nothing is lost, duplicated or reordered', { timeout: 900_000 }, async () => {
    const [program, args] = prove('--each-point', '--minutes', '10', '--conversations', '150', '--json');
    const { stdout } = await run(program, args, { maxBuffer: 16 << 20 }).catch((failed) => failed);
    const report = JSON.parse(stdout);
    assert.deepEqual(report.findings, []);
    assert.deepEqual(report.blows.crashes, []);
    assert.deepEqual(Object.keys(report.blows.points).sort(), [...everyPoint].sort());
    assert.deepEqual([report.lost, report.duplicated, report.reordered, report.passed], [0, 0, 0, true]);
    assert.ok(report.accepted > 40, `only ${report.accepted} messages were accepted`);
    assert.deepEqual(await leftovers(), []);
  });

  it('cleans up after a run that was killed', { timeout: 120_000 }, async () => {
    const child = spawn(...prove('--conversations', '3'), { stdio: 'ignore' });
    const ended = once(child, 'exit');
    await until(async () => (await leftovers()).length > 7, { deadlineMs: 60_000, what: 'it has made its topics' });
    child.kill('SIGKILL');
    await ended;
    await until(async () => {
      await run(...prove('--clean'));
      return (await leftovers()).length === 0;
    }, { deadlineMs: 60_000, what: 'nothing is left' });
  });

  it('takes everything away when it is interrupted', { timeout: 120_000 }, async () => {
    const child = spawn(...prove('--conversations', '3'), { stdio: 'ignore' });
    const ended = once(child, 'exit');
    await until(async () => (await leftovers()).length > 7, { deadlineMs: 60_000, what: 'it has made its topics' });
    child.kill('SIGINT');
    const [code] = await ended;
    assert.equal(code, 130);
    assert.deepEqual(await leftovers(), []);
  });
});

describe('./dev prove --help', () => {
  it('lists the options, and starts nothing', async () => {
    const { stdout, stderr } = await run(new URL('../../dev', import.meta.url).pathname, ['prove', '--help']);
    for (const option of ['--kills', '--minutes', '--conversations', '--each-point', '--clean'])
      assert.ok(stdout.includes(option), stdout);
    assert.ok(!stdout.includes('bench')); // of prove only
    assert.equal(stderr, '');
  });
});

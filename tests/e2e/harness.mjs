// The running system as a test sees it from outside: ./dev starts and stops it, fakes stand for the providers, psql
// reads what it noted. Under `./dev test` it is that run's profile, by hand the profile `e2e` with the release build.
import { execFile, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { startFakes } from './fakes/index.mjs';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('../..', import.meta.url));
const pollMs = 50;

/** Resolves with the first value of `condition` that is neither false nor empty; what it throws counts as "not yet". */
export async function until(condition, { deadlineMs = 20_000, everyMs = pollMs, what = String(condition) } = {}) {
  const end = Date.now() + deadlineMs;
  let error;
  do {
    try {
      error = undefined;
      const value = await condition();
      if (value) return value;
    } catch (thrown) {
      error = thrown;
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  } while (Date.now() < end);
  throw new Error(`not within ${deadlineMs} ms: ${what}`, { cause: error });
}

/** A TCP port that nobody has at the moment. */
export async function freePort() {
  const server = createServer();
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

function profile() {
  if (!process.env.RELEVO_E2E_ENV) return process.env.RELEVO_E2E_PROFILE ?? 'e2e';
  return basename(dirname(JSON.parse(process.env.RELEVO_E2E_ENV).config));
}

async function dev(...args) {
  // Under `./dev test` the parent has built everything and holds the profile's lock.
  const env = { ...process.env, RELEVO_DEV_NESTED: 'yes' };
  const { stdout } = await run(join(repository, 'dev'), ['--profile', profile(), ...args], { env, timeout: 180_000 });
  return stdout;
}

/**
 * Brings the system up with fake providers on a port of their own. `quietMs`: the agents' window. `model`: whether the
 * fake OpenAI server answers for the agents, rather than the offline provider. `retries`: when a bubble is tried again
 * whose provider is away. `fakes`: options of startFakes. The demo shops' agents disclose nothing, so that a first answer is
 * what the model made it: see disclosure.test.mjs.
 */
export async function up({ quietMs = 800, model = true, retries, fakes: fakeOptions = {} } = {}) {
  const fakes = await startFakes(fakeOptions);
  const options = ['--quiet-ms', String(quietMs), '--providers', fakes.url];
  if (model) options.push('--model-url', `${fakes.url}/openai/v1`, '--model', 'fake-model', '--model-key', 'fake-key');
  if (retries) options.push('--retries', retries);
  try {
    const lines = (await dev('up', '--json', ...options)).trim().split('\n');
    const system = new System(JSON.parse(lines.at(-1)), fakes);
    await system.discloseNothing();
    return system;
  } catch (error) {
    await fakes.close();
    throw error;
  }
}

class System {
  #others = [];

  constructor(env, fakes) {
    Object.assign(this, env, { fakes });
  }

  /** Where a shop's WhatsApp webhooks go, and the secret of its app: each shop here states the installation's. */
  hook(shop = 0) {
    return { ...this.shops[shop].webhooks.whatsapp, secret: this.app_secret };
  }

  /** The rows of a SELECT as objects, with the superuser's eyes: no policy hides any. */
  async sql(query) {
    const statement = `SELECT coalesce(json_agg(q), '[]') FROM (${query}) AS q`;
    const { stdout } = await run('psql', [this.postgres, '-XAtqc', statement], {
      env: { ...process.env, PGCONNECT_TIMEOUT: '3' },
      maxBuffer: 64 << 20,
    });
    return JSON.parse(stdout);
  }

  /** Changes rows, with the superuser's rights. */
  async execute(statement) {
    await run('psql', [this.postgres, '-XAtqc', statement], { env: { ...process.env, PGCONNECT_TIMEOUT: '3' } });
  }

  async discloseNothing() {
    await this.execute(`UPDATE agents SET disclosure = '' WHERE disclosure <> '';
      UPDATE agent_versions SET snapshot = snapshot || '{"disclosure": ""}' WHERE snapshot ->> 'disclosure' <> ''`);
  }

  /** What the command prints; throws where it fails. */
  async command(...args) {
    const { stdout } = await run(this.relevo, ['--config', this.config, ...args], { maxBuffer: 64 << 20 });
    return stdout;
  }

  async metrics(http = this.http) {
    return (await fetch(`${http}/metrics`)).text();
  }

  /** The sum of a metric's series that have all of `labels`. */
  async metric(name, labels = {}) {
    let sum = 0;
    for (const line of (await this.metrics()).split('\n')) {
      const [, found, series, value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (found !== name) continue;
      const all = Object.entries(labels).every(([label, wanted]) => series?.includes(`${label}="${wanted}"`));
      if (all) sum += Number(value);
    }
    return sum;
  }

  /** Whether all that was taken is settled and nothing waits in the log. */
  async idle() {
    return JSON.parse(await this.command('lag', '--interval', '0', '--json')).every(({ behind, held }) => behind === 0 && held === 0);
  }

  /** Shops as `relevo shops apply` makes them of these YAML texts: what it prints of each. */
  async applyShops(...texts) {
    const folder = await mkdtemp(join(tmpdir(), 'relevo-shops-'));
    try {
      const files = texts.map((_, index) => join(folder, `${index}.yaml`));
      await Promise.all(files.map((file, index) => writeFile(file, texts[index])));
      const { stdout } = await run(this.relevo, ['--config', this.config, 'shops', 'apply', '--yes', '--json', ...files]);
      return JSON.parse(stdout);
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  untilIdle(deadlineMs = 30_000) {
    return until(() => this.idle(), { deadlineMs, what: 'all records are settled' });
  }

  async pid() {
    return Number((await readFile(join(dirname(this.config), 'run', 'relevo.pid'), 'utf8')).split(' ')[0]);
  }

  /** kill -9 of the whole process. */
  async kill() {
    const pid = await this.pid();
    process.kill(pid, 'SIGKILL');
    // Giving back its memory can take it a while.
    await until(() => {
      try {
        return !process.kill(pid, 0);
      } catch {
        return true;
      }
    }, { what: 'the process is gone' });
  }

  /** `name` is relevo, kafka, postgres or redis; returns when it serves. */
  start(name = 'relevo') {
    return dev('start', name);
  }

  stop(name = 'relevo') {
    return dev('stop', name);
  }

  async log() {
    return readFile(join(dirname(this.config), 'log', 'relevo.log'), 'utf8');
  }

  /**
   * A second process that runs all stages: {process, http, ended}. Resolves when it has its share of every stage's
   * partitions.
   */
  async runAnother() {
    const port = await freePort();
    const args = ['--config', this.config, 'run', '--http-port', String(port)];
    const child = spawn(this.relevo, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const shares = new Set();
    createInterface({ input: child.stderr }).on('line', (line) => {
      const [, stage, count] = /"partitions\.assigned".*"stage":"(\w+)","count":(\d+)/.exec(line) ?? [];
      if (count > 0) shares.add(stage);
    });
    const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
    const other = { process: child, http: `http://127.0.0.1:${port}`, ended };
    this.#others.push(other);
    const stages = ['resolve', 'buffer', 'retrieve', 'infer', 'relay', 'settle'];
    await until(() => stages.every((stage) => shares.has(stage)), {
      deadlineMs: 60_000,
      what: `the second process has partitions of ${stages}, not only of ${[...shares]}`,
    });
    return other;
  }

  /** Leaves the system to the next file: what a test stopped runs again, what it started in addition does not. */
  async leave() {
    try {
      for (const { process: child, ended } of this.#others) {
        child.kill('SIGKILL');
        await ended;
      }
      for (const name of ['kafka', 'postgres', 'redis', 'relevo']) await this.start(name);
    } finally {
      await this.fakes.close(); // an open server would keep the file's process alive
    }
  }
}

/** A telephone number that no other test has. */
export const newNumber = () => `54911${randomInt(10_000_000, 100_000_000)}`;

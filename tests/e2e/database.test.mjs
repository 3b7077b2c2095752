// schemas/database.sql is what all migrations together make: there one reads which text of a function counts.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';

import { up } from './harness.mjs';

const run = promisify(execFile);
const kept = new URL('../../schemas/database.sql', import.meta.url);
const made = new URL('../../.dev/test/database.sql', import.meta.url);

let system;

before(async () => {
  system = await up({});
});
after(() => system?.leave());

// Without pg_dump's version, its settings and the headings that say nothing; who may do what is in other tests.
function trimmed(dump) {
  const lines = dump.split('\n').filter((line) => !/^(--|SET |SELECT pg_catalog\.set_config|\\(un)?restrict)/.test(line));
  return `${lines.join('\n').replace(/\n{3,}/g, '\n\n').trim()}\n`;
}

describe('the database', () => {
  it('is as schemas/database.sql says', async () => {
    const { stdout } = await run('pg_dump', [system.postgres, '--schema-only', '--no-owner', '--no-privileges'], { maxBuffer: 1 << 28 });
    const now = trimmed(stdout);
    await mkdir(new URL('.', made), { recursive: true });
    await writeFile(made, now);
    const before = await readFile(kept, 'utf8').catch(() => '');
    assert.ok(now === before, 'another schema: look at it, then cp .dev/test/database.sql schemas/database.sql');
  });
});

// A bash at which somebody types what a document prints.
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';

import { until } from './harness.mjs';

/** The code blocks marked `sh` of the section of that title. */
export async function printedSession(file, title) {
  const [, section] = (await readFile(file, 'utf8')).split(`\n## ${title}\n`);
  return [...section.split('\n## ')[0].matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block);
}

/** Ends at the first line that fails. `variables` are all that it has besides the path to programs. */
export class Shell {
  #process;
  #code;
  printed = '';  // on both streams, in order

  constructor(variables) {
    // /dev/stderr cannot be opened where it is a socket, as node's pipes are
    const session = 'set -o pipefail; bash --norc -euo pipefail 2>&1 | cat';
    this.#process = spawn('bash', ['--norc', '-c', session], { env: { PATH: process.env.PATH, ...variables } });
    this.#process.stdin.on('error', () => {});  // it may have ended
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (this.printed += text));
    }
    this.#process.once('close', (code) => (this.#code = code));
  }

  types(text) {
    this.#process.stdin.write(text);
  }

  #fails(why) {
    this.#process.kill();
    throw new Error(`${why}; the shell had printed:\n${this.printed}`);
  }

  /** What of all that was printed fits the expression. */
  async shows(pattern) {
    await until(() => pattern.test(this.printed) || this.#code !== undefined, { deadlineMs: 60_000 }).catch(() => {});
    return pattern.exec(this.printed) ?? this.#fails(`nothing fits ${pattern}`);
  }

  /** Resolves when all lines are done; the lines of JSON that were printed, in order. */
  async ends() {
    this.#process.stdin.end();
    await until(() => this.#code !== undefined, { deadlineMs: 60_000 }).catch(() => {});
    if (this.#code !== 0) this.#fails(`ended with ${this.#code}`);
    return this.printed.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  }
}

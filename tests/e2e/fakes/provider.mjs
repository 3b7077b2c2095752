// What the fake providers share: reading and answering requests, keeping the calls, scripted faults.
import { EventEmitter } from 'node:events';

export async function readBody(request, most = 1 << 20) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > most) throw new Error('body too large');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

export function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function sendJson(response, status, body, headers = {}) {
  if (response.destroyed) return;
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json; charset=UTF-8',
    'content-length': Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}

export function bearer(request) {
  return /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
}

/** Resolves after `ms`, or at once when the client has gone. */
export function pause(response, ms) {
  return new Promise((resolve) => {
    if (!(ms > 0) || response.destroyed) return resolve();
    const finish = () => {
      clearTimeout(timer);
      response.off('close', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    response.once('close', finish);
  });
}

/** The calls that a fake received, in order of arrival, and the faults that wait for the next ones. */
export class Ledger {
  #changed = new EventEmitter().setMaxListeners(0);
  #faults = [];
  calls = [];

  /** A call as it arrived: `at` is in ms since 1970. What is learned of it later goes into the same object. */
  note(call) {
    const entry = { at: Date.now(), ...call };
    this.calls.push(entry);
    this.#changed.emit('change');
    return entry;
  }

  settle(entry, outcome) {
    Object.assign(entry, outcome, { settledAt: Date.now() });
    this.#changed.emit('change');
  }

  /** The next `times` calls that `match` meet this fault. */
  fail({ times = 1, match = () => true, ...fault }) {
    this.#faults.push({ left: times, match, fault });
  }

  takeFault(call) {
    const found = this.#faults.find((each) => each.left > 0 && each.match(call));
    if (!found) return {};
    found.left -= 1;
    return found.fault;
  }

  /** Resolves with the first true value of `predicate(calls)`; rejects after the deadline. */
  until(predicate, deadlineMs = 10_000) {
    return new Promise((resolve, reject) => {
      const check = () => {
        const value = predicate(this.calls);
        if (!value) return;
        finish();
        resolve(value);
      };
      const timer = setTimeout(() => {
        finish();
        reject(new Error(`not within ${deadlineMs} ms; calls: ${JSON.stringify(this.calls.slice(-5))}`));
      }, deadlineMs);
      const finish = () => {
        clearTimeout(timer);
        this.#changed.off('change', check);
      };
      this.#changed.on('change', check);
      check();
    });
  }

  reset() {
    this.calls.length = 0;
    this.#faults.length = 0;
  }
}

// An OpenAI-compatible server: POST /chat/completions, streamed or not, and POST /embeddings.
import { createHash } from 'node:crypto';

import { Ledger, bearer, parseJson, pause, readBody, sendJson } from './provider.mjs';

const roles = new Set(['system', 'developer', 'user', 'assistant', 'tool']);

function refusal(status, message, type, code, headers) {
  return { status, headers, answer: { error: { message, type, param: null, code } } };
}

const refusals = {
  401: () => refusal(401, 'Incorrect API key provided.', 'invalid_request_error', 'invalid_api_key'),
  429: (fault) =>
    refusal(429, 'Rate limit reached.', 'requests', 'rate_limit_exceeded',
      fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) }),
  500: () => refusal(500, 'The server had an error.', 'server_error', null),
  503: () => refusal(503, 'The engine is currently overloaded.', 'server_error', null),
};

function tooLong(tokens, most) {
  return refusal(400, `This model's maximum context length is ${most} tokens. However, your messages resulted in ${tokens} tokens.`,
    'invalid_request_error', 'context_length_exceeded');
}

const textOf = (content) =>
  typeof content === 'string' ? content : (content ?? []).map((part) => part.text ?? '').join('');

// Near enough to a tokenizer for a server that counts only itself.
const countTokens = (text) => Math.ceil(text.length / 4);

function lastUserText(body) {
  return textOf(body.messages.filter((message) => message.role === 'user').at(-1)?.content);
}

/** A unit vector that only the text decides. */
export function embed(text, dimensions) {
  const vector = [];
  for (let block = 0; vector.length < dimensions; ++block) {
    const digest = createHash('sha256').update(`${block} ${text}`).digest();
    for (let i = 0; i + 4 <= digest.length && vector.length < dimensions; i += 4) {
      vector.push(digest.readInt32LE(i) / 2 ** 31);
    }
  }
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

/**
 * `answer(body)` makes the answer's text of a request. `keys`: the valid API keys; without it any is.
 * A fault is one of {status (401, 429 with retryAfter, 500, 503, or any with body), hang, close: "before",
 * delayMs, contextLength: true}, or for a stream {firstTokenMs, tokenMs, comments: n, nullChoices: true,
 * noUsage: true, noDone: true, finish, disconnectAfter: n words}.
 */
export class FakeOpenAi extends Ledger {
  constructor({ answer, keys, contextTokens = 128_000, dimensions = 64, firstTokenMs = 0, tokenMs = 0 } = {}) {
    super();
    Object.assign(this, { keys, contextTokens, dimensions, firstTokenMs, tokenMs });
    this.answer = answer ?? ((body) => `Recibido: ${lastUserText(body)}`);
  }

  async handle(request, response, path) {
    const body = parseJson(await readBody(request, 16 << 20));
    const kind = path === '/embeddings' ? 'embeddings' : path === '/models' ? 'models' : 'completion';
    const call = this.note({ kind, path, key: bearer(request), model: body?.model, body, accepted: false });
    response.once('close', () => this.settle(call, { finished: response.writableFinished }));
    const fault = this.takeFault(call);
    await pause(response, fault.delayMs);
    if (fault.close === 'before') return response.destroy();
    if (fault.hang) return undefined;
    const refused = this.#refuses(request, call, fault);
    if (refused) {
      this.settle(call, { status: refused.status });
      if (typeof refused.answer !== 'string') return sendJson(response, refused.status, refused.answer, refused.headers);
      response.writeHead(refused.status, refused.headers);
      return response.end(refused.answer);
    }
    Object.assign(call, { accepted: true, status: 200 });
    if (kind === 'models') {
      return sendJson(response, 200, { object: 'list', data: [{ id: 'fake-model', object: 'model' }] });
    }
    if (kind === 'embeddings') return sendJson(response, 200, this.#embeddings(body));
    call.answer = await this.answer(body);
    return body.stream ? this.#stream(response, call, fault) : sendJson(response, 200, this.#whole(call, fault));
  }

  #refuses(request, call, fault) {
    const { body } = call;
    if (fault.status !== undefined) {
      if (fault.body !== undefined) return { status: fault.status, answer: fault.body, headers: fault.headers };
      return (refusals[fault.status] ?? refusals[500])(fault);
    }
    if (!call.key || (this.keys && !this.keys.includes(call.key))) return refusals[401]();
    if (call.kind === 'models' && request.method === 'GET') return undefined;
    const invalid = (message) => refusal(400, message, 'invalid_request_error', null);
    if (!['/chat/completions', '/embeddings'].includes(call.path)) {
      return refusal(404, `Invalid URL (${call.path})`, 'invalid_request_error', null);
    }
    if (request.method !== 'POST') return refusal(405, 'Only POST is allowed.', 'invalid_request_error', null);
    if (!body || typeof body !== 'object') return invalid('We could not parse the JSON body of your request.');
    if (typeof body.model !== 'string' || !body.model) return invalid('you must provide a model parameter');
    if (call.kind === 'embeddings') {
      const inputs = [body.input].flat();
      const wrong = inputs.length === 0 || inputs.some((text) => typeof text !== 'string' || text === '');
      return wrong ? invalid("'$.input' is invalid.") : undefined;
    }
    if (!Array.isArray(body.messages) || body.messages.length === 0) return invalid("'messages' must be a non-empty array");
    if (body.messages.some((message) => !roles.has(message?.role))) return invalid("'messages' has an unknown role");
    const tokens = body.messages.reduce((sum, message) => sum + countTokens(textOf(message.content)), 0);
    if (fault.contextLength || tokens > this.contextTokens) return tooLong(tokens, this.contextTokens);
    return undefined;
  }

  #usage(call) {
    const prompt = call.body.messages.reduce((sum, message) => sum + countTokens(textOf(message.content)), 0);
    const completion = countTokens(call.answer);
    return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
  }

  #head(call, object) {
    return { id: `chatcmpl-fake${this.calls.indexOf(call)}`, object, created: Math.floor(call.at / 1000), model: call.model };
  }

  #whole(call, fault) {
    const message = { role: 'assistant', content: call.answer };
    return {
      ...this.#head(call, 'chat.completion'),
      choices: [{ index: 0, message, finish_reason: fault.finish ?? 'stop' }],
      ...(fault.noUsage ? {} : { usage: this.#usage(call) }),
    };
  }

  async #stream(response, call, fault) {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    const head = this.#head(call, 'chat.completion.chunk');
    const withUsage = call.body.stream_options?.include_usage === true && !fault.noUsage;
    const write = (chunk) => response.write(`data: ${JSON.stringify({ ...head, ...(withUsage ? { usage: null } : {}), ...chunk })}\n\n`);
    const delta = (change, finish = null) => write({ choices: [{ index: 0, delta: change, finish_reason: finish }] });
    response.flushHeaders();
    for (let i = 0; i < (fault.comments ?? 0); ++i) response.write(': keep-alive\n\n');
    await pause(response, fault.firstTokenMs ?? this.firstTokenMs);
    delta({ role: 'assistant', content: '' });
    if (fault.nullChoices) write({ choices: null });
    let words = 0;
    for (const word of call.answer.match(/\S+\s*|\s+/g) ?? []) {
      if (words++ === fault.disconnectAfter) return response.destroy();
      delta({ content: word });
      await pause(response, fault.tokenMs ?? this.tokenMs);
      if (response.destroyed) return undefined;
    }
    delta({}, fault.finish ?? 'stop');
    if (withUsage) write({ choices: [], usage: this.#usage(call) });
    return response.end(fault.noDone ? '' : 'data: [DONE]\n\n');
  }

  #embeddings(body) {
    const inputs = [body.input].flat();
    const dimensions = body.dimensions ?? this.dimensions;
    const tokens = inputs.reduce((sum, text) => sum + countTokens(text), 0);
    return {
      object: 'list',
      model: body.model,
      data: inputs.map((text, index) => ({ object: 'embedding', index, embedding: embed(text, dimensions) })),
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    };
  }
}

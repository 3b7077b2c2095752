// The part of the Telegram Bot API that relevo calls: POST /bot<token>/sendMessage and sendChatAction; getMe, setWebhook and
// getWebhookInfo, which are no calls to a customer and are not noted.
import { Ledger, parseJson, pause, readBody, sendJson } from './provider.mjs';

const methodPath = /^\/bot([^/]+)\/(\w+)$/;

function refusal(code, description, parameters) {
  return { status: code, answer: { ok: false, error_code: code, description, ...(parameters ? { parameters } : {}) } };
}

/**
 * `tokens`: the bots there are; without it every well-formed token is one. `webhooks`: bot id to the address that
 * setWebhook gave it, `orders`: all that it said; `webhookRefusal`: what it is refused with, [code, description].
 * `perChatMs`: the time that must pass between two messages to a chat (0: any). A fault is {code, description, retryAfter, status, body, delayMs, hang,
 * close}; `hang` and `close` are "before" or "after" the message was accepted.
 */
export class FakeTelegram extends Ledger {
  constructor({ tokens, perChatMs = 0, now = Date.now } = {}) {
    super();
    Object.assign(this, { tokens, perChatMs, now });
    this.reset();
  }

  reset() {
    super.reset();
    this.lastSent = new Map();
    this.blocked = new Set();
    this.counts = new Map();
    this.webhooks ??= new Map();
    this.orders ??= new Map();
  }

  /** The accepted bubbles, in order of arrival. */
  get messages() {
    return this.calls.filter((call) => call.kind === 'message' && call.accepted);
  }

  async handle(request, response, path) {
    const [, token, method] = methodPath.exec(path) ?? [];
    const body = parseJson(await readBody(request));
    if (method === 'getMe' || method === 'getWebhookInfo') return this.#tell(response, token, method);
    if (method === 'setWebhook') return this.#setWebhook(response, token, body);
    const call = this.note({
      kind: method === 'sendChatAction' ? 'typing' : 'message',
      method,
      token,
      chat: body?.chat_id,
      text: body?.text,
      business: body?.business_connection_id,
      body,
      accepted: false,
    });
    const { status, answer, headers, end } = await this.#judge(response, call);
    this.settle(call, { status: end ?? status });
    if (end === 'close') return response.destroy();
    if (end === 'hang') return undefined;
    if (typeof answer === 'string') {
      response.writeHead(status, headers);
      return response.end(answer);
    }
    return sendJson(response, status, answer, headers);
  }

  #refusesToken(token) {
    if (!/^\d+:[\w-]+$/.test(token ?? '')) return refusal(404, 'Not Found');
    return this.tokens && !this.tokens.includes(token) ? refusal(401, 'Unauthorized') : undefined;
  }

  #tell(response, token, method) {
    const id = Number.parseInt(token, 10);
    const result = method === 'getMe' ? { id, is_bot: true, first_name: 'Bot' } : { url: this.webhooks.get(id) ?? '', pending_update_count: 0 };
    const { status, answer } = this.#refusesToken(token) ?? { status: 200, answer: { ok: true, result } };
    return sendJson(response, status, answer);
  }

  #setWebhook(response, token, body) {
    const id = Number.parseInt(token, 10);
    const bad = () => {
      if (this.webhookRefusal) return refusal(...this.webhookRefusal);
      // Telegram wants HTTPS; the systems under test have none
      if (typeof body?.url !== 'string' || !URL.canParse(body.url)) return refusal(400, 'Bad Request: bad webhook: invalid URL');
      if (!/^[\w-]{1,256}$/.test(body.secret_token ?? '-')) return refusal(400, 'Bad Request: secret token contains unallowed characters');
      return undefined;
    };
    const refused = this.#refusesToken(token) ?? bad();
    if (!refused) {
      this.webhooks.set(id, body.url);
      this.orders.set(id, body);
    }
    const { status, answer } = refused ?? { status: 200, answer: { ok: true, result: true, description: 'Webhook was set' } };
    return sendJson(response, status, answer);
  }

  async #judge(response, call) {
    const fault = this.takeFault(call);
    await pause(response, fault.delayMs);
    if (fault.close === 'before') return { end: 'close' };
    if (fault.hang === true || fault.hang === 'before') return { end: 'hang' };
    if (fault.retryAfter !== undefined) {
      return refusal(429, `Too Many Requests: retry after ${fault.retryAfter}`, { retry_after: fault.retryAfter });
    }
    if (fault.code !== undefined) return refusal(fault.code, fault.description ?? 'Error');
    if (fault.status !== undefined) return { status: fault.status, answer: fault.body ?? '', headers: fault.headers };
    const refused = this.#refusesToken(call.token) ?? this.#refuses(call);
    if (refused) return refused;
    if (call.kind === 'typing') return { status: 200, answer: { ok: true, result: true } };
    const answer = this.#accept(call);
    if (fault.close === 'after') return { end: 'close' };
    if (fault.hang === 'after') return { end: 'hang' };
    return { status: 200, answer };
  }

  #refuses(call) {
    if (!['sendMessage', 'sendChatAction'].includes(call.method)) return refusal(404, 'Not Found');
    if (call.body === undefined) return refusal(400, "Bad Request: can't parse JSON object");
    const chat = Number(call.chat);
    if (!Number.isSafeInteger(chat) || chat === 0) return refusal(400, 'Bad Request: chat_id is empty');
    if (this.blocked.has(chat)) return refusal(403, 'Forbidden: bot was blocked by the user');
    if (call.kind === 'typing') {
      return call.body.action ? undefined : refusal(400, 'Bad Request: parameter "action" is required');
    }
    if (typeof call.text !== 'string' || !call.text.trim()) return refusal(400, 'Bad Request: message text is empty');
    if (call.text.length > 4096) return refusal(400, 'Bad Request: message is too long');
    const wait = (this.lastSent.get(chat) ?? -Infinity) + this.perChatMs - this.now();
    if (wait > 0) {
      const seconds = Math.ceil(wait / 1000);
      return refusal(429, `Too Many Requests: retry after ${seconds}`, { retry_after: seconds });
    }
    return undefined;
  }

  #accept(call) {
    const chat = Number(call.chat);
    const id = (this.counts.get(chat) ?? 0) + 1;
    this.counts.set(chat, id);
    this.lastSent.set(chat, this.now());
    Object.assign(call, { accepted: true, id: `${chat}:${id}` });
    const date = Math.floor(this.now() / 1000);
    return {
      ok: true,
      result: {
        message_id: id,
        from: { id: Number.parseInt(call.token, 10), is_bot: true, first_name: 'Bot' },
        chat: { id: chat, type: 'private' },
        date,
        text: call.text,
      },
    };
  }
}

// The part of the WhatsApp Cloud API that relevo calls: POST /vN.N/{phone_number_id}/messages, with its checks,
// its error bodies and its limit of one message in 6 s for each recipient; GET /vN.N/{phone_number_id}, not noted.
import { Ledger, bearer, parseJson, pause, readBody, sendJson } from './provider.mjs';
import { postWhatsApp, statusChange } from './webhooks.mjs';

const numberPath = /^\/v\d+\.\d+\/([^/]+)$/;
const messagesPath = /^\/v\d+\.\d+\/([^/]+)\/messages$/;

const known = {
  100: [400, '(#100) Invalid parameter'],
  190: [401, 'Error validating access token: Session has expired'],
  130429: [429, '(#130429) Rate limit hit'],
  131000: [500, '(#131000) Something went wrong'],
  131016: [503, '(#131016) Service overloaded'],
  131026: [400, '(#131026) Message undeliverable'],
  131047: [400, '(#131047) Re-engagement message'],
  131056: [400, '(#131056) (Business Account, Consumer Account) pair rate limit hit'],
};

function graphError(code, details, subcode) {
  const [status, message] = known[code] ?? [400, `(#${code}) Error`];
  const error = { message, type: 'OAuthException', code, fbtrace_id: 'AfakeTrace' };
  if (subcode) error.error_subcode = subcode;
  if (details) error.error_data = { messaging_product: 'whatsapp', details };
  return { status, body: { error } };
}

/** Why Meta would refuse this body, or nothing. */
function complaint(body) {
  if (!body || typeof body !== 'object') return 'The body is not a JSON object.';
  if (body.messaging_product !== 'whatsapp') return 'The parameter messaging_product is required.';
  if (body.status !== undefined) {
    if (body.status !== 'read') return "Param status must be 'read'.";
    if (typeof body.message_id !== 'string' || !body.message_id) return 'The parameter message_id is required.';
    if (body.typing_indicator && body.typing_indicator.type !== 'text') return "Param typing_indicator['type'] must be 'text'.";
    return undefined;
  }
  if (typeof (body.to ?? body.recipient) !== 'string' || !(body.to ?? body.recipient)) return 'The parameter to is required.';
  if ((body.recipient_type ?? 'individual') !== 'individual') return "Param recipient_type must be 'individual'.";
  if (body.type !== 'text') return `Param type is not supported here: ${body.type}`;
  if (typeof body.text?.body !== 'string' || !body.text.body) return "The parameter text['body'] is required.";
  if (body.text.body.length > 4096) return "Param text['body'] must be at most 4096 characters long.";
  const opaque = body.biz_opaque_callback_data;
  if (opaque !== undefined && (typeof opaque !== 'string' || opaque.length > 512)) {
    return 'Param biz_opaque_callback_data must be at most 512 characters long.';
  }
  return undefined;
}

/**
 * `tokens`: the access tokens that are valid; without it every well-formed one is.
 * `burst`, `refillMs`: of the limit per recipient. `webhook` {url, secret, account?}: where statuses go, in the order
 * of `statuses`. A fault is {code, status, body, details, delayMs, hang, close}: `code` answers with a Graph error,
 * `status` and `body` with something raw; `close` is "before" or "after" the message was accepted, `hang` likewise.
 */
export class FakeWhatsApp extends Ledger {
  constructor({ tokens, burst = 45, refillMs = 6_000, webhook, statuses = ['sent', 'delivered', 'read'], now = Date.now } = {}) {
    super();
    Object.assign(this, { tokens, burst, refillMs, webhook, statuses, now });
    this.reset();
  }

  reset() {
    super.reset();
    this.buckets = new Map();
    this.recipients = new Map();
    this.webhookErrors = [];
    this.count = 0;
  }

  /** The accepted bubbles, in order of arrival. */
  get messages() {
    return this.calls.filter((call) => call.kind === 'message' && call.accepted);
  }

  /** Every attempt to send this recipient a bubble, refused ones too. */
  attemptsTo(recipient) {
    return this.recipients.get(recipient) ?? [];
  }

  #takesOneMore(pair) {
    const now = this.now();
    const bucket = this.buckets.get(pair) ?? { left: this.burst, at: now };
    bucket.left = Math.min(this.burst, bucket.left + (now - bucket.at) / this.refillMs);
    bucket.at = now;
    this.buckets.set(pair, bucket);
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }

  #accept(call, body) {
    const id = `wamid.${Buffer.from(`FAKE${String(++this.count).padStart(12, '0')}`).toString('base64')}`;
    Object.assign(call, { accepted: true, id });
    const to = body.to ?? body.recipient;
    if (this.webhook) this.#postStatuses(call, id);
    return {
      messaging_product: 'whatsapp',
      contacts: [{ input: to, ...(body.to ? { wa_id: to } : { user_id: to }) }],
      messages: [{ id }],
    };
  }

  async #postStatuses(call, id) {
    for (const status of this.statuses) {
      const change = statusChange({
        account: this.webhook.account ?? call.account,
        id,
        status,
        recipient: call.to,
        reply: call.reply,
      });
      try {
        await postWhatsApp(this.webhook.url, this.webhook.secret, [change]);
      } catch (error) {
        this.webhookErrors.push(error);
      }
    }
  }

  #tell(request, response, account) {
    const token = bearer(request);
    if (!token || (this.tokens && !this.tokens.includes(token))) {
      const { status, body } = graphError(190, undefined, 463);
      return sendJson(response, status, body);
    }
    return sendJson(response, 200, { id: account });
  }

  async handle(request, response, path) {
    if (request.method === 'GET' && numberPath.test(path)) return this.#tell(request, response, numberPath.exec(path)[1]);
    const account = decodeURIComponent(messagesPath.exec(path)?.[1] ?? '');
    const body = parseJson(await readBody(request));
    const token = bearer(request);
    const call = this.note({
      kind: body?.status === 'read' ? 'typing' : 'message',
      account,
      to: body?.to ?? body?.recipient,
      text: body?.text?.body,
      reply: body?.biz_opaque_callback_data,
      lastMessage: body?.message_id,
      token,
      body,
      accepted: false,
    });
    if (call.kind === 'message') this.recipients.set(call.to, [...this.attemptsTo(call.to), call]);
    const { status, answer, headers, end } = await this.#judge(request, response, call, path);
    this.settle(call, { status: end ?? status });
    if (end === 'close') return response.destroy();
    if (end === 'hang') return undefined;
    if (typeof answer === 'string') {
      response.writeHead(status, headers);
      return response.end(answer);
    }
    return sendJson(response, status, answer, headers);
  }

  async #judge(request, response, call, path) {
    const fault = this.takeFault(call);
    await pause(response, fault.delayMs);
    if (fault.close === 'before') return { end: 'close' };
    if (fault.hang === true || fault.hang === 'before') return { end: 'hang' };
    const error = (code, details, subcode) => {
      const { status, body } = graphError(code, details, subcode);
      return { status: fault.status ?? status, answer: body, headers: fault.headers };
    };
    if (fault.code !== undefined) return error(fault.code, fault.details);
    if (fault.status !== undefined) return { status: fault.status, answer: fault.body ?? '', headers: fault.headers };
    if (request.method !== 'POST' || !messagesPath.test(path)) {
      return { status: 404, answer: graphError(100, 'Unsupported request: no such path').body };
    }
    if (!call.token || (this.tokens && !this.tokens.includes(call.token))) return error(190, undefined, 463);
    const wrong = complaint(call.body);
    if (wrong) return error(100, wrong);
    if (call.kind === 'typing') return { status: 200, answer: { success: true } };
    if (!this.#takesOneMore(`${call.account} ${call.to}`)) {
      return error(131056, 'Too many messages sent from the sender phone number to the same recipient phone number');
    }
    const answer = this.#accept(call, call.body);
    if (fault.close === 'after') return { end: 'close' };
    if (fault.hang === 'after') return { end: 'hang' };
    return { status: 200, answer };
  }
}

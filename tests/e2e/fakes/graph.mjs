// The part of Meta's Graph that connecting a shop calls: codes and tokens of Facebook and Instagram, what a token controls,
// subscriptions and the registration of numbers, with their checks, their errors and the app's hourly limit.
import { randomBytes } from 'node:crypto';

import { Ledger, bearer, parseJson, readBody, sendJson } from './provider.mjs';
import { challengeWhatsApp } from './webhooks.mjs';

const shortMs = 3_600_000;
const longSeconds = 60 * 24 * 3_600;

const known = {
  4: [400, '(#4) Application request limit reached'],
  10: [403, '(#10) Application does not have permission for this action'],
  100: [400, '(#100) Invalid parameter'],
  190: [401, 'Error validating access token: The session has been invalidated'],
  200: [403, '(#200) Permissions error'],
  2200: [400, '(#2200) Callback verification failed'],
  133005: [400, '(#133005) Two step verification PIN mismatch'],
};

function graphError(code, subcode) {
  const [status, message] = known[code] ?? [400, `(#${code}) Error`];
  const error = { message, type: 'OAuthException', code, fbtrace_id: 'AfakeTrace' };
  if (subcode) error.error_subcode = subcode;
  return { status, body: { error } };
}

/**
 * `users`: by name, {wabas: {id: {phone: {display, pin?}}}, pages: {id: name}, instagram: {id, username}}. `appId` and
 * `appSecret`: of the app; no secret: any. `limit`: calls that the app may make before it meets error 4. A fault is {code,
 * subcode}, {status, body}, or {close: "before" or "after" the call was done}.
 */
export class FakeGraph extends Ledger {
  constructor({ users = {}, appId = '4242', appSecret, limit = Infinity, now = Date.now } = {}) {
    super();
    Object.assign(this, { users, appId, appSecret, limit, now });
    this.reset();
  }

  reset() {
    super.reset();
    this.codes = new Map();
    this.tokens = new Map();
    this.subscriptions = new Map();
    this.registered = new Map();
    this.used = 0;
  }

  /** What Meta sends the browser of `user` back with, who allowed all that `authorizeUrl` asks for. */
  approve(user, authorizeUrl) {
    const asked = new URL(authorizeUrl).searchParams;
    const code = `AQ${randomBytes(12).toString('hex')}`;
    const kind = asked.get('scope')?.startsWith('instagram') ? 'instagram' : 'facebook';
    this.codes.set(code, { user, kind, client: asked.get('client_id'), redirect: asked.get('redirect_uri') });
    return { code, state: asked.get('state') };
  }

  /** Whoever gave the app its tokens takes them back. */
  revoke(user) {
    for (const token of this.tokens.values()) if (token.user === user) token.revoked = true;
  }

  #give(user, kind, long, page) {
    const token = `EAA${randomBytes(24).toString('hex')}`;
    const at = this.now();
    this.tokens.set(token, { user, kind, long, page, at, until: at + (long ? longSeconds * 1000 : shortMs) });
    return { access_token: token, token_type: 'bearer', ...(long ? { expires_in: longSeconds } : {}) };
  }

  #valid(token, kind) {
    const found = this.tokens.get(token);
    return found && !found.revoked && found.until > this.now() && (!kind || found.kind === kind) ? found : undefined;
  }

  #isApp(id, secret) {
    return id === this.appId && (!this.appSecret || secret === this.appSecret);
  }

  // A code is good once, for its app and its redirect address.
  #exchange(fields) {
    const code = this.codes.get(fields.get('code'));
    if (!this.#isApp(fields.get('client_id'), fields.get('client_secret'))) return graphError(100);
    if (!code || code.client !== fields.get('client_id')) return graphError(100, 36007);
    if (code.used) return graphError(100, 36009);
    if (code.redirect !== fields.get('redirect_uri')) return graphError(100, 36008);
    code.used = true;
    return { status: 200, body: this.#give(code.user, code.kind, false) };
  }

  #lengthen(token, kind, client, secret) {
    const found = this.#valid(token, kind);
    if (client !== undefined && !this.#isApp(client, secret)) return graphError(100);
    return found ? { status: 200, body: this.#give(found.user, kind, true) } : graphError(190, 463);
  }

  #oauth(query) {
    if (query.get('grant_type') !== 'fb_exchange_token') return this.#exchange(query);
    return this.#lengthen(query.get('fb_exchange_token'), 'facebook', query.get('client_id'), query.get('client_secret'));
  }

  #debug(query, token) {
    const [id, secret] = (token ?? '').split('|');
    if (!this.#isApp(id, secret)) return graphError(190);
    const found = this.#valid(query.get('input_token'));
    if (!found) return { status: 200, body: { data: { is_valid: false, app_id: this.appId } } };
    const targets = Object.keys(this.users[found.user]?.wabas ?? {});
    const scopes = targets.length ? [{ scope: 'whatsapp_business_management', target_ids: targets }] : [];
    return {
      status: 200,
      body: { data: { app_id: this.appId, is_valid: true, expires_at: Math.floor(found.until / 1000), granular_scopes: scopes } },
    };
  }

  #pages(user, query) {
    const all = Object.entries(user.pages ?? {}).map(([id, name]) => ({ id, name, tasks: ['MANAGE', 'MESSAGING'] }));
    const start = Number(query.get('after') ?? 0);
    const limit = Math.min(Number(query.get('limit') ?? 25), this.pageSize ?? 100);
    const paging = start + limit < all.length ? { cursors: { after: String(start + limit) }, next: 'more' } : {};
    return { status: 200, body: { data: all.slice(start, start + limit), paging } };
  }

  async #subscribe(id, user, token, body) {
    const controls = token.kind === 'facebook' && user.wabas?.[id];
    if (!controls && token.page !== id && user.instagram?.id !== id) return graphError(200);
    return this.#keep(id, body ?? {});
  }

  // A number's own address goes before its business account's, which must be subscribed.
  async #direct(phone, user, body) {
    const waba = Object.keys(user.wabas ?? {}).find((id) => user.wabas[id][phone]);
    return waba && this.subscriptions.has(waba) ? this.#keep(phone, body) : graphError(200);
  }

  async #keep(id, body) {
    if (body.override_callback_uri) {
      const challenge = randomBytes(8).toString('hex');
      const answer = await challengeWhatsApp(body.override_callback_uri, body.verify_token, challenge).catch(() => undefined);
      if (answer?.status !== 200 || (await answer.text()) !== challenge) return graphError(2200);
    }
    this.subscriptions.set(id, body);
    return { status: 200, body: { success: true } };
  }

  #register(phone, user, body) {
    const number = Object.values(user.wabas ?? {}).map((numbers) => numbers[phone]).find(Boolean);
    if (!number) return graphError(200);
    if (body?.messaging_product !== 'whatsapp' || !/^\d{6}$/.test(body?.pin ?? '')) return graphError(100);
    if (number.pin && number.pin !== body.pin) return graphError(133005);
    number.pin = body.pin;
    this.registered.set(phone, body.pin);
    return { status: 200, body: { success: true } };
  }

  async #facebook(method, path, query, token, body) {
    if (path === '/oauth/access_token') return this.#oauth(query);
    if (path === '/debug_token') return this.#debug(query, token);
    const found = this.#valid(token, 'facebook');
    if (!found) return graphError(190, 463);
    const user = this.users[found.user] ?? {};
    if (path === '/me/accounts') return this.#pages(user, query);
    const [, id, edge] = /^\/([^/]+)(?:\/(\w+))?$/.exec(path) ?? [];
    if (method === 'GET' && edge === 'phone_numbers' && user.wabas?.[id]) {
      const data = Object.entries(user.wabas[id]).map(([phone, { display }]) => ({ id: phone, display_phone_number: display }));
      return { status: 200, body: { data } };
    }
    if (method === 'GET' && !edge && user.pages?.[id]) return { status: 200, body: { ...this.#give(found.user, 'facebook', true, id), id } };
    if (method === 'POST' && edge === 'subscribed_apps') return this.#subscribe(id, user, found, body);
    if (method === 'POST' && !edge && body?.webhook_configuration) return this.#direct(id, user, body.webhook_configuration);
    if (method === 'POST' && edge === 'register') return this.#register(id, user, body);
    return graphError(100, 33);
  }

  async #instagram(method, path, query, token, body) {
    if (path === '/access_token') return this.#lengthen(query.get('access_token'), 'instagram', this.appId, query.get('client_secret'));
    if (path === '/refresh_access_token') {
      const found = this.#valid(query.get('access_token'), 'instagram');
      if (!found?.long || this.now() - found.at < 24 * shortMs) return graphError(190);
      return this.#lengthen(query.get('access_token'), 'instagram');
    }
    const found = this.#valid(token, 'instagram');
    if (!found) return graphError(190, 463);
    const user = this.users[found.user] ?? {};
    if (path.endsWith('/me')) return { status: 200, body: { user_id: user.instagram?.id, username: user.instagram?.username } };
    const id = /\/([^/]+)\/subscribed_apps$/.exec(path)?.[1];
    if (method === 'POST' && id) return this.#subscribe(id, user, found, body);
    return graphError(100, 33);
  }

  #answer(method, path, query, token, text) {
    const body = parseJson(text);
    if (path === '/instagram-api/oauth/access_token') {
      const { status, body: answer } = this.#exchange(new URLSearchParams(text));
      if (status === 200) return { status, body: { ...answer, user_id: 1, permissions: [] } };
      return { status: 400, body: { error_type: 'OAuthException', code: 400, error_message: 'Invalid authorization code' } };
    }
    if (path.startsWith('/instagram-graph/')) {
      return this.#instagram(method, path.slice('/instagram-graph'.length), query, token, body);
    }
    return this.#facebook(method, path.replace(/^\/graph\/v\d+\.\d+/, ''), query, token, body);
  }

  async handle(request, response, path) {
    const query = new URL(request.url, 'http://fake').searchParams;
    const text = await readBody(request);
    const call = this.note({ kind: path.split('/').at(-1), method: request.method, path, grant: query.get('grant_type') });
    const fault = this.takeFault(call);
    if (fault.close === 'before') return response.destroy();
    const scripted = fault.code ? graphError(fault.code, fault.subcode) : fault.status && fault;
    const limited = ++this.used > this.limit ? graphError(4) : undefined;
    const answer = scripted || limited || (await this.#answer(request.method, path, query, bearer(request), text));
    this.settle(call, { status: answer.status });
    if (fault.close === 'after') return response.destroy();
    return sendJson(response, answer.status, answer.body, fault.headers);
  }
}

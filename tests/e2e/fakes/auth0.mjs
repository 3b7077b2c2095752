// An OpenID provider as Auth0 is one: its configuration, its published keys, RS256 access tokens, and keys that rotate.
import { createHash, generateKeyPair, sign } from 'node:crypto';
import { promisify } from 'node:util';

import { Ledger, sendJson } from './provider.mjs';

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

async function draw() {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const { n, e } = publicKey.export({ format: 'jwk' });
  const kid = createHash('sha256').update(n).digest('base64url').slice(0, 21);
  return { privateKey, published: { kty: 'RSA', use: 'sig', alg: 'RS256', kid, n, e } };
}

/** `url`: where it stands, which its tokens' `iss` says with a slash at the end, as Auth0's do. */
export class FakeAuth0 extends Ledger {
  #keys = [];  // the first one signs

  constructor({ url = '', now = Date.now } = {}) {
    super();
    Object.assign(this, { url, now });
  }

  get issuer() {
    return `${this.url}/`;
  }

  reset() {
    super.reset();
    this.#keys = [];
  }

  /** A new key signs from now on. The earlier ones stay published until they are revoked. */
  async rotate({ revoke = false } = {}) {
    const next = await draw();
    this.#keys = revoke ? [next] : [next, ...this.#keys];
  }

  /** An access token of `sub` for the API `audience`, good for a day; `claims` replaces or adds some. */
  async token({ sub, audience, ...claims }) {
    if (!this.#keys.length) await this.rotate();
    const [{ privateKey, published }] = this.#keys;
    const iat = Math.floor(this.now() / 1000);
    const body = { iss: this.issuer, sub, aud: [audience, `${this.issuer}userinfo`], iat, exp: iat + 86_400, scope: 'openid profile', ...claims };
    const signed = `${part({ alg: 'RS256', typ: 'JWT', kid: published.kid })}.${part(body)}`;
    return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`;
  }

  #answer(path) {
    if (path === '/.well-known/jwks.json') return { keys: this.#keys.map(({ published }) => published) };
    if (path !== '/.well-known/openid-configuration') return undefined;
    return {
      issuer: this.issuer,
      authorization_endpoint: `${this.url}/authorize`,
      token_endpoint: `${this.url}/oauth/token`,
      jwks_uri: `${this.url}/.well-known/jwks.json`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['HS256', 'RS256', 'PS256'],
    };
  }

  async handle(request, response, path) {
    const call = this.note({ kind: path.split('/').at(-1), method: request.method, path });
    const body = request.method === 'GET' ? this.#answer(path) : undefined;
    this.settle(call, { status: body ? 200 : 404 });
    return sendJson(response, call.status, body ?? { error: 'Not Found' });
  }
}

// A program of a shop, written against the client that a stock generator makes of schemas/openapi.yaml (document.test.mjs).
// What must not compile is marked: the types would be worth nothing if it did.
import createClient from 'openapi-fetch';

import type { components, paths } from './api.js';

type Permission = components['schemas']['Permission'];

const clientOf = (baseUrl: string, token: string) =>
  createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${token}` } });

const answer = <T,>({ data, error }: { data?: T; error?: components['schemas']['Problem'] }): T => {
  if (data === undefined) throw new Error(error && `${error.code}: ${error.detail}`);
  return data;
};

/** What the operator does for a new shop: its first person, with the session that they sign in to. */
export async function open(baseUrl: string, operator: string, slug: string, password: string) {
  const { POST } = clientOf(baseUrl, operator);
  const shop = answer(await POST('/v1/tenants', { body: { slug, name: slug }, params: { header: { 'Idempotency-Key': slug } } }));
  const header = { 'X-Tenant-Id': shop.id };
  const email = `${slug}@example.com`;
  const ana = answer(await POST('/v1/users', { body: { email, roles: ['admin'] }, params: { header } }));
  const path = { user: ana.id };
  const { ticket } = answer(await POST('/v1/users/{user}/tickets', { params: { header, path } }));
  const { secret } = answer(await POST('/v1/tickets/redeem', { body: { ticket, password } }));
  return { tenant: shop.id, session: secret ?? '' };
}

/** What that person does for a program: a key of its own, which is revoked when it has been used. */
export async function lend(baseUrl: string, session: string, scopes: Permission[]) {
  const { GET, POST, DELETE } = clientOf(baseUrl, session);
  const made = answer(await POST('/v1/api-keys', { body: { name: 'crm', scopes } }));
  const program = clientOf(baseUrl, made.secret ?? '');
  const me = answer(await program.GET('/v1/me'));
  const path = { key: made.id };
  const removed = await DELETE('/v1/api-keys/{key}', { params: { path } });
  const { revoked_at: revokedAt } = answer(await GET('/v1/api-keys/{key}', { params: { path } }));
  const { error, response } = await program.GET('/v1/me');
  return { me, removed: removed.response.status, revokedAt, refused: response.status, why: error?.code };
}

export async function mistakes(baseUrl: string) {
  const { GET, POST } = clientOf(baseUrl, '');
  // @ts-expect-error: there is no such path
  await GET('/v1/shops');
  // @ts-expect-error: no scopes are stated
  await POST('/v1/api-keys', { body: { name: 'crm' } });
  // @ts-expect-error: there is no such permission
  await POST('/v1/api-keys', { body: { name: 'crm', scopes: ['users.reed'] } });
  const { data } = await GET('/v1/me');
  // @ts-expect-error: the tenant is a number
  data?.tenant?.trim();
}

// What the README prints under "A new shop", word for word: a shop and its first person, who signs in with an issuer's token,
// states a key, makes an agent and connects a number at Meta; then a customer of that number, and the issuer's keys rotate.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { until, up } from './harness.mjs';
import { Shell, printedSession } from './shell.mjs';
import { Customer } from './whatsapp.mjs';

const readme = fileURLToPath(new URL('../../README.md', import.meta.url));
const slug = `newshop-${randomBytes(4).toString('hex')}`;
const email = `ana@${slug}.example`;
const key = `sk-${randomBytes(16).toString('hex')}`;
const phone = `6${Date.now()}`;
const waba = `5${Date.now()}`;
let system;
let graph;
let auth0;
let secret;
let token;
let answers;

const signIn = () => auth0.token({ sub: `auth0|${slug}`, audience: `${system.http}/v1`, name: 'Ana' });

async function me(bearer) {
  const response = await fetch(`${system.http}/v1/me`, { headers: { authorization: `Bearer ${bearer}` } });
  return { status: response.status, body: await response.json() };
}

before(async () => {
  const users = { ana: { wabas: { [waba]: { [phone]: { display: '+54 9 11 5555-0100' } } } } };
  system = await up({ fakes: { graph: { users }, openai: { keys: [key] } } });
  ({ graph, auth0 } = system.fakes);
  secret = (await readFile(join(dirname(system.config), 'meta.secret'), 'utf8')).trim();
  graph.appSecret = secret;
  token = await signIn();
});
after(() => system?.leave());

describe('a new shop', () => {
  it('is made, and its number connected, as the README says', async () => {
    const [first, second, ...more] = await printedSession(readme, 'A new shop');
    assert.ok(first && second && !more.length, 'what is typed before somebody signs in at Meta, and what after it');
    const shell = new Shell({
      RELEVO: system.http, ADMIN: system.admin_token, ANA: token, SHOP: slug, EMAIL: email, OPENAI_KEY: key,
    });
    shell.types(first);
    const [, url] = await shell.shows(/"authorize_url": *("[^"]+")/);
    const { code, state } = graph.approve('ana', JSON.parse(url));
    shell.types(`code=${code}\nstate=${state}\n${second}`);
    answers = await shell.ends();
    assert.ok(!shell.printed.includes(key));
  });

  it('answers each call as the README says', () => {
    const told = JSON.stringify(answers, undefined, 1);
    assert.equal(answers.length, 10, told);
    const [shop, user, ticket, ana, credential, agent, begun, connected, assets, account] = answers;
    assert.equal(shop.slug, slug, told);
    assert.equal(user.email, email, told);
    assert.match(ticket.ticket, /^rlv_ticket_/);
    assert.deepEqual([ana.user, ana.tenant], [user.id, shop.id], told);
    assert.ok(ana.permissions.includes('vault.write'), told);
    assert.deepEqual([credential.category, credential.name, credential.last4], ['openai', 'API_KEY', key.slice(-4)], told);
    assert.deepEqual([agent.name, agent.version, agent.published.role, agent.published.temperature], ['Ventas', 1, 'sales', 0.7], told);
    assert.deepEqual([begun.id, connected.status], [connected.id, 'connected'], told);
    assert.deepEqual(assets.items.map(({ external_id: id }) => id), [phone], told);
    assert.deepEqual([account.external_id, account.step], [phone, 'ready'], told);
  });
});

describe('then', { concurrency: true }, () => {
  it('a customer is answered, once', async () => {
    const customer = new Customer(system);
    customer.hook = { url: graph.subscriptions.get(phone).override_callback_uri, secret, account: phone };
    const message = customer.message('¿Tenés puntas de media suela?');
    const began = Date.now();
    await Promise.all([1, 2, 3].map(() => customer.deliver(message)));
    const [bubble] = await customer.receives(1, 60_000);
    assert.ok(bubble.at - began >= 15_000, `after ${bubble.at - began} ms, before the README's 16 s`);
    assert.equal(bubble.account, phone);
    assert.ok(graph.tokens.get(bubble.token)?.long);
    await system.untilIdle();
    assert.deepEqual(customer.texts, ['Recibido: ¿Tenés puntas de media suela?']);
    assert.deepEqual((await customer.turns()).map(({ status }) => status), ['answered']);
    const [asked, ...others] = system.fakes.openai.calls.filter(({ kind }) => kind === 'completion');
    assert.deepEqual([asked.key, asked.model, asked.body.temperature, others.length], [key, 'gpt-4o-mini', 0.7, 0]);
    assert.ok(asked.body.messages[0].content.includes('ventas de Danza'), asked.body.messages[0].content);
  });

  it("the issuer's keys rotate while all runs: the new one counts, and the revoked one no more", async () => {
    const pid = await system.pid();
    await auth0.rotate({ revoke: true });
    const renewed = await signIn();
    const early = await me(token);
    assert.equal(early.status, 200, JSON.stringify(early.body)); // nobody has asked the issuer since
    let last;
    // an unknown key makes relevo ask, though no more than every 30 s; strangers may try once a second
    await until(async () => (last = await me(renewed)).status === 200, {
      deadlineMs: 60_000, everyMs: 3_000, what: 'the new key is known',
    }).catch((error) => assert.fail(`${error.message}; the last answer: ${JSON.stringify(last)}`));
    assert.deepEqual([last.body.kind, last.body.tenant], ['user', answers[0].id]);
    const refused = await me(token);
    assert.deepEqual([refused.status, refused.body.code], [401, 'identity.unknown_key'], JSON.stringify(refused.body));
    assert.equal(await system.pid(), pid);
  });
});

// The page /demo in a real browser: the widgets of both shops, the path of a message, the shop's side.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { chromium } from 'playwright-core';

import { until, up } from './harness.mjs';

const chromiumPath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

let system;
let browser;
let page;
let problems;

before(async () => {
  system = await up({ quietMs: 700, model: false });
  browser = await chromium.launch({ executablePath: chromiumPath, args: flags });
});
beforeEach(async () => {
  problems = [];
  page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(20_000);
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(error.stack));
  await page.goto(`${system.http}/demo`);
});
afterEach(() => page?.close());
after(async () => {
  await browser?.close();
  await system?.leave();
});

const test = (id) => `[data-testid="${id}"]`;

/** What a shop's widget shows and takes. */
function widget(shop) {
  const root = page.locator(`${test(`shop-${shop}`)} relevo-widget`);
  const texts = (direction) => root.locator(`${test('message')}[data-direction="${direction}"] ${test('message-text')}`);
  return {
    root,
    said: texts('in'),
    answers: texts('out'),
    async says(text) {
      await root.locator(test('widget-input')).fill(text);
      await root.locator(test('widget-send')).click();
    },
    answer: (pattern) => texts('out').filter({ hasText: pattern }).first().waitFor(),
  };
}

describe('the demo page', () => {
  it('is where the bare address leads', async () => {
    await page.goto(`${system.http}/`);
    assert.equal(page.url(), `${system.http}/demo`);
    await page.locator('relevo-widget').first().waitFor({ state: 'attached' });
  });

  it("answers a message in the first shop's widget with a product of that shop, and shows its way", async () => {
    const shop = widget('pointe');
    await shop.says('Hola, ¿tenés puntas Aurora?');
    await shop.answer(/Aurora/);
    assert.equal(await shop.said.count(), 1);
    const turn = page.locator(`${test('turn')}[data-status="answered"]`).first();
    await turn.waitFor();
    for (const stage of ['ingress', 'resolve', 'buffer', 'retrieve', 'infer', 'relay']) {
      await turn.locator(`${test(`stage-${stage}`)}[data-state="emit"]`).first().waitFor();
    }
    await turn.locator(test('passage')).filter({ hasText: 'Aurora' }).first().waitFor();
    assert.equal(await turn.locator('meter').first().getAttribute('value'), '1', 'the best passage fills its bar');
    await turn.locator(`${test('bubble')}[data-status="sent"]`).first().waitFor();
    await turn.locator(`${test('delivery')}[data-status="confirmed"]`).first().waitFor();
    assert.deepEqual(problems, []);
  });

  it("shows that the second shop's widget knows nothing of the first one's products", async () => {
    const shop = widget('tueste');
    await shop.says('¿Tenés puntas Aurora?');
    await shop.answer(/./);
    assert.doesNotMatch((await shop.answers.allTextContents()).join('\n'), /Aurora|98\.500/);
    assert.deepEqual(problems, []);
  });

  it('lets a person take over, reply and give back', async () => {
    const shop = widget('pointe');
    await shop.says('¿Tenés medias?');
    await shop.answer(/./);
    await page.locator(`${test('desk')} ${test('mode')}[data-mode="agent"]`).waitFor();
    await page.locator(test('takeover')).click();
    await page.locator(`${test('mode')}[data-mode="human"]`).waitFor();
    await page.locator(test('human-input')).fill('Hola, soy Ana, de la tienda.');
    await page.locator(test('human-send')).click();
    await shop.answer('soy Ana');
    await page.locator(test('human-reply')).filter({ hasText: 'soy Ana' }).first().waitFor();
    const answers = await shop.answers.count();
    await shop.says('¡Gracias, Ana!');
    await page.locator(test('path-message')).filter({ hasText: '¡Gracias, Ana!' }).first().waitFor();
    await page.locator(`${test('conversation')}[data-mode="human"]`).filter({ hasText: '¡Gracias, Ana!' }).first().waitFor();
    await until(async () => (await shop.said.count()) === 2);
    await shop.root.locator(`${test('message')}[data-state="sent"]`).filter({ hasText: '¡Gracias, Ana!' }).waitFor();
    assert.equal(await shop.root.locator(test('typing')).count(), 0, 'nobody is typing');
    await system.untilIdle();
    assert.equal(await shop.answers.count(), answers, 'the agent is silent');
    await page.locator(test('giveback')).click();
    await page.locator(`${test('mode')}[data-mode="agent"]`).waitFor();
    await shop.says('¿Y puntas Odette?');
    await shop.answer(/Odette/);
    assert.deepEqual(problems, []);
  });

  it('shows what a customer writes to a human whom somebody else called, and follows there', async () => {
    const shop = widget('pointe');
    await shop.says('¿Abren el lunes?');
    await shop.answer(/./);
    await system.untilIdle();
    const mine = page.locator(`${test('conversation')}[aria-pressed="true"]`);
    await mine.filter({ hasText: /./ }).first().waitFor();
    const { tenant, conversation } = await mine.first().evaluate(({ dataset: { tenant, conversation } }) => ({ tenant, conversation }));
    const there = `${system.http}/demo/api/conversations/${tenant}/${conversation}`;
    assert.equal((await fetch(`${there}/takeover`, { method: 'POST' })).status, 200);
    await page.locator(`${test('mode')}[data-mode="human"]`).waitFor();
    await widget('tueste').says('Hola');
    await widget('tueste').answer(/./);
    await page.locator(`${test('desk')}:not([data-conversation="${conversation}"])`).waitFor();
    await shop.says('¿Y el martes?');
    await page.locator(`${test('desk')}[data-conversation="${conversation}"]`).waitFor();
    await page.locator(test('path-message')).filter({ hasText: '¿Y el martes?' }).first().waitFor();
    assert.deepEqual(problems, []);
  });

  it('leaves out a shop and its conversations once it is removed, and keeps the others as they are', async () => {
    const slug = `short-lived-${Date.now()}`;
    await system.applyShops(`slug: ${slug}\nname: Short-lived\nagent: {provider: offline, quiet_ms: 300}\nweb: {}\n`);
    await page.reload();
    await widget(slug).says('¿Hay alguien?');
    await widget(slug).answer(/./);
    const [{ id }] = await system.sql(`SELECT id FROM tenants WHERE slug = '${slug}'`);
    const itsConversations = page.locator(`${test('conversation')}[data-tenant="${id}"]`);
    await itsConversations.first().waitFor();
    const kept = widget('pointe').root.locator(test('widget-input'));
    await kept.fill('Todavía escribo');
    // its conversation may be open: then it answers 1, and its accounts take nothing any more all the same
    await system.command('shops', 'remove', slug, '--yes').catch(({ code }) => assert.equal(code, 1));
    await page.locator(test(`shop-${slug}`)).waitFor({ state: 'detached' });
    await page.locator(test(`tab-${slug}`)).waitFor({ state: 'detached' });
    await itsConversations.first().waitFor({ state: 'detached' });
    assert.equal(await kept.inputValue(), 'Todavía escribo');
    assert.deepEqual(problems, []);
  });

  it('keeps the conversation over a reload', async () => {
    const shop = widget('pointe');
    await shop.says('¿Hacen envíos?');
    await shop.answer(/./);
    await system.untilIdle();
    const everything = async () => ({ in: await shop.said.allTextContents(), out: await shop.answers.allTextContents() });
    await until(async () => (await everything()).out.length > 0);
    const before = await everything();
    await page.reload();
    await shop.answer(/./);
    await until(async () => (await everything()).out.length === before.out.length);
    assert.deepEqual(await everything(), before);
    assert.deepEqual(problems, []);
  });

  it('fits a phone in the dark', async () => {
    await page.close();
    page = await browser.newPage({ viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
    page.on('pageerror', (error) => problems.push(error.stack));
    await page.goto(`${system.http}/demo`);
    await page.locator('relevo-widget').first().waitFor({ state: 'attached' });
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(wider, 0);
    assert.deepEqual(problems, []);
  });
});

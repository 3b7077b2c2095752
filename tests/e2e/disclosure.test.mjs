// What an agent discloses of itself, which nobody leaves to a model.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, afterEach, before, describe, it } from 'node:test';

import { until, up } from './harness.mjs';
import { Visitor } from './web.mjs';

const sentence = 'Soy un programa de Declara.';
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

let system;
let answer = ''; // of the model
const visitors = [];

before(async () => {
  system = await up({ fakes: { openai: { answer: () => answer } } });
});
afterEach(() => visitors.splice(0).forEach((visitor) => visitor.leaves()));
after(() => system?.leave());

/** A visitor of a new shop whose agent discloses; `more` its agent has besides. */
async function visit(more = '') {
  const slug = `declara-${randomInt(1e9)}`;
  const [{ web }] = await system.applyShops(`slug: ${slug}\nname: Declara\ndisclosure: "${sentence}"\n` +
    `agent: {provider: openai, base_url: "${system.fakes.url}/openai/v1", model: fake-model, quiet_ms: 300${more}}\n` +
    'credentials: {openai: {API_KEY: fake-key}}\nweb: {}\n');
  const visitor = new Visitor(system, { key: web.key });
  visitors.push(visitor);
  return visitor.arrives();
}

const texts = ({ answers }) => answers.map(({ text }) => text);

async function says(visitor, text, count) {
  await visitor.says(text);
  await visitor.isAnswered(count);
  await system.untilIdle();
}

describe('an agent that discloses something', () => {
  it('begins its first answer with it and no later one, in the draft too', async () => {
    const visitor = await visit();
    answer = 'Hola.\n\nTenemos puntas.';
    await says(visitor, '¿Tenés puntas?', 3);
    const draft = [];
    for (const { index, text } of visitor.of('delta')) draft[index] = (draft[index] ?? '') + text;
    assert.deepEqual(draft, [sentence, 'Hola.', 'Tenemos puntas.']);
    await says(visitor, '¿Y mallas?', 5);
    assert.deepEqual(texts(visitor), [sentence, 'Hola.', 'Tenemos puntas.', 'Hola.', 'Tenemos puntas.']);
  });

  it('does not say it twice where its model does', async () => {
    const visitor = await visit();
    answer = 'SOY UN PROGRAMA de Declara: hola.';
    await says(visitor, 'Hola', 1);
    assert.deepEqual(texts(visitor), [answer]);
    assert.equal(visitor.of('delta').map(({ text }) => text).join(''), answer);
  });

  it('says it after a crash in the middle of the first answer, once', async () => {
    const visitor = await visit();
    const { id } = visitor; // a socket that comes back without it is somebody else's
    answer = 'Hola.';
    system.fakes.openai.fail({ firstTokenMs: 60_000 });
    const before = system.fakes.openai.calls.length;
    await visitor.says('Hola');
    await until(() => system.fakes.openai.calls.length > before, { what: 'the model is asked' });
    await system.kill();
    await system.start();
    await system.untilIdle(60_000);
    const shown = await system.sql(`SELECT text FROM replies WHERE conversation_id IN (SELECT c.id FROM conversations AS c
      JOIN aliases AS a ON a.contact_id = c.contact_id WHERE a.value = '${id}') ORDER BY index`);
    assert.deepEqual(shown.map(({ text }) => text), [sentence, 'Hola.']);
  });

  it('says it before what a customer reads in the place of an answer', async () => {
    const open = days[(new Date().getUTCDay() + 3) % 7];
    const visitor = await visit(`, hours: {${open}: "10:00-12:00"}, closed_text: "Hoy no abrimos."`);
    await says(visitor, 'Hola', 1);
    await says(visitor, '¿Hola?', 2);
    assert.deepEqual(texts(visitor), [`${sentence}\n\nHoy no abrimos.`, 'Hoy no abrimos.']);
  });
});

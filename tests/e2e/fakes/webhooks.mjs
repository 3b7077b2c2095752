// What WhatsApp and Telegram send to a webhook: bodies as they write them, signed as they sign them.
import { createHmac } from 'node:crypto';

const seconds = (at) => String(Math.floor((at ?? Date.now()) / 1000));

/** JSON as Meta writes it: ASCII only, with escaped slashes. The signature covers these bytes. */
export function metaJson(value) {
  return JSON.stringify(value)
    .replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .replaceAll('/', '\\/');
}

export function hubSignature(secret, body) {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}

let count = 0;

/** One message of the field "messages": a text, or whatever `type` and its part in `content` say. */
export function whatsappMessage({ from, userId, id, text, at, ...content }) {
  return {
    ...(from ? { from } : {}),
    ...(userId ? { from_user_id: userId } : {}),
    id: id ?? `wamid.TEST${Date.now()}.${++count}`,
    timestamp: seconds(at),
    ...(content.type ? {} : { type: 'text', text: { body: text } }),
    ...content,
  };
}

function change(field, account, members) {
  const metadata = { display_phone_number: '15550100', phone_number_id: account };
  return { field, value: { messaging_product: 'whatsapp', metadata, ...members } };
}

export function messagesChange({ account, messages, name = 'Test' }) {
  const contacts = [];
  for (const { from, from_user_id: userId } of messages) {
    if (contacts.some((known) => known.wa_id === from && known.user_id === userId)) continue;
    contacts.push({ profile: { name }, ...(from ? { wa_id: from } : {}), ...(userId ? { user_id: userId } : {}) });
  }
  return change('messages', account, { contacts, messages });
}

export function statusChange({ account, id, status, recipient, reply, errors, at }) {
  const entry = { id, status, timestamp: seconds(at), recipient_id: recipient };
  if (reply) entry.biz_opaque_callback_data = reply;
  if (errors) entry.errors = errors;
  return change('messages', account, { statuses: [entry] });
}

/** The owner wrote to `to` from the phone. */
export function echoChange({ account, to, text, id, at }) {
  const message = { ...whatsappMessage({ from: '15550100', id, text, at }), to };
  return change('smb_message_echoes', account, { message_echoes: [message] });
}

export function whatsappBody(changes) {
  return metaJson({ object: 'whatsapp_business_account', entry: [{ id: '102290129340398', changes }] });
}

async function post(url, headers, body) {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
  await response.arrayBuffer();
  return response;
}

/** Posts the changes as one signed webhook; the response. */
export function postWhatsApp(url, secret, changes) {
  const body = whatsappBody(changes);
  return post(url, { 'x-hub-signature-256': hubSignature(secret, body) }, body);
}

/** The subscription's challenge: the response. */
export function challengeWhatsApp(url, verifyToken, challenge) {
  const query = new URLSearchParams({ 'hub.mode': 'subscribe', 'hub.verify_token': verifyToken, 'hub.challenge': challenge });
  return fetch(`${url}?${query}`);
}

/** A private text message; `more` replaces or adds members of the message. */
export function telegramUpdate({ chat, text, updateId, messageId, name = 'Test', at, ...more }) {
  const id = updateId ?? Date.now() * 100 + (++count % 100);
  const person = { id: chat, is_bot: false, first_name: name, language_code: 'es' };
  return {
    update_id: id,
    message: {
      message_id: messageId ?? ++count,
      from: person,
      chat: { id: chat, type: 'private', first_name: name },
      date: Number(seconds(at)),
      text,
      ...more,
    },
  };
}

/** A button that the customer pressed below a message of the bot. */
export function telegramButton({ chat, data, id = String(++count), name = 'Test' }) {
  const message = { message_id: ++count, chat: { id: chat, type: 'private', first_name: name }, date: 0 };
  const from = { id: chat, is_bot: false, first_name: name };
  return { update_id: Date.now() * 100 + (++count % 100), callback_query: { id, from, message, data, chat_instance: '1' } };
}

export function postTelegram(url, secret, update) {
  return post(url, { 'x-telegram-bot-api-secret-token': secret }, JSON.stringify(update));
}

// What the page makes of a shop's row and its customers', without a browser.

const colors = ["#a83e6c", "#1f6d5c", "#8a5a14", "#3a5a9c"];

/** The color that stands for a shop on the whole page; `place`: how many came before it. */
export const shop_color = (place) => colors[place % colors.length];

export const channel_names = { web: "Web", whatsapp: "WhatsApp", telegram: "Telegram" };

/** A slug holds nothing that a selector would need escaped. */
export const chat_id = (slug) => `chat-${slug}`;

/** The data-… of the script tag that a shop's page embeds; null for a shop without a web chat. */
export function embedding({ slug, web, examples }, color) {
  if (!web) return null;
  const tag = { key: web.key, target: `#${chat_id(slug)}`, color };
  return examples?.length ? { ...tag, suggestions: examples.join("|") } : tag;
}

/** Where providers reach the shop: {name, url} of each channel. `page`: an address of the same server. */
export const webhook_addresses = ({ webhooks }, page) =>
  Object.entries(webhooks ?? {}).map(([channel, { path }]) => ({ name: channel_names[channel] ?? channel, url: new URL(path, page).href }));

/** How to call the customer of a conversation: a web visitor without a name has 32 hexadecimal digits instead. */
export const person = ({ channel, contact }) =>
  channel === "web" && /^[0-9a-f]{32}$/.test(contact) ? `Visitor ${contact.slice(0, 4)}` : contact;

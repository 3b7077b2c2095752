// The demo's own HTTP interface. Errors carry the server's words.

async function call(path, options) {
  const response = await fetch(`/demo/api${path}`, { headers: { accept: "application/json", "content-type": "application/json" }, ...options })
    .catch(() => { throw new Error("The server is not answering."); });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw Object.assign(new Error(body.error?.text ?? `The server answered ${response.status}.`), { status: response.status });
  return body;
}

const address = ({ tenant, conversation }) => `/conversations/${encodeURIComponent(tenant)}/${encodeURIComponent(conversation)}`;

export const shops = () => call("/shops");
export const conversations = () => call("/conversations");
export const detail = (which) => call(address(which));
/** `what`: takeover, giveback, or reply with {client_id, text}. */
export const act = (which, what, body = {}) => call(`${address(which)}/${what}`, { method: "POST", body: JSON.stringify(body) });

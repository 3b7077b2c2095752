// What a message's text becomes on the page: text nodes and http(s) links, nothing else.

const LINK = /https?:\/\/[^\s<>"']+/gi;
const TRAILING = /[.,;:!?)\]}»”…]+$/;

/** The text as nodes; only addresses that parse as http(s) become links. */
export function linkify(text) {
  const nodes = [];
  let done = 0;
  for (const match of text.matchAll(LINK)) {
    const address = match[0].replace(TRAILING, "");
    if (!URL.canParse(address)) continue;
    nodes.push(text.slice(done, match.index), link(address));
    done = match.index + address.length;
  }
  return [...nodes, text.slice(done)];
}

function link(address) {
  const a = document.createElement("a");
  a.href = address;
  a.textContent = address.replace(/^https?:\/\//i, "");
  a.target = "_blank";
  a.rel = "noopener noreferrer nofollow";
  return a;
}

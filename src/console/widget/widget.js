// The one line that a shop's page embeds:
//   <script src="https://HOST/widget.js" data-key="WEBKEY" async></script>
// Optional: data-title, data-color (#rrggbb), data-suggestions ("one|two"), data-target ("#selector": inline instead of floating),
// data-metadata ('{"sku":"A-1"}': texts, numbers and truth values that the agent reads with each message).
// A classic script, because only those know their own tag; everything else is a module from the same origin.
{
  const script = document.currentScript;
  const origin = new URL(script.src).origin;
  const { key, title, color, suggestions, target, metadata } = script.dataset;

  const start = async () => {
    if (!key) return console.error("relevo: the script tag has no data-key");
    const parent = target ? document.querySelector(target) : document.body;
    if (!parent) return console.error(`relevo: nothing on this page matches data-target="${target}"`);
    const { define } = await import(`${origin}/widget/element.js`);
    define();
    const host = document.createElement("relevo-widget");
    for (const [name, value] of Object.entries({ key, title, color, suggestions, metadata, origin, mode: target ? "inline" : "floating" }))
      if (value !== undefined) host.dataset[name] = value;
    parent.append(host);
  };

  if (document.body && document.readyState !== "loading") start();
  else addEventListener("DOMContentLoaded", start, { once: true });
}

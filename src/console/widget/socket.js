// The stock socket.io-client, loaded from where this module came from. The embedding page's own `io` stays as it was.

const origin = new URL(import.meta.url).origin;
let loaded;

/** A namespace's socket, not yet connected. */
export async function open_socket(namespace, options) {
  loaded ??= load().catch((error) => {
    loaded = undefined; // the next attempt may find the server back
    throw error;
  });
  const io = await loaded;
  return io(origin + namespace, { path: "/socket.io/", forceNew: true, autoConnect: false, ...options });
}

function load() {
  const theirs = window.io;
  const script = document.createElement("script");
  script.src = `${origin}/socket.io/socket.io.min.js`;
  return new Promise((resolve, reject) => {
    script.onload = () => {
      const ours = window.io;
      window.io = theirs;
      script.remove();
      resolve(ours);
    };
    script.onerror = () => {
      script.remove();
      reject(new Error("socket.io-client did not load"));
    };
    document.head.append(script);
  });
}

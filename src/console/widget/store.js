// What must survive a reload: who the visitor is, and every message that the server has not acknowledged.
// One entry per message, so that two tabs of one visitor never overwrite each other.

export class Store {
  #prefix;
  #storage;

  constructor(key) {
    this.#prefix = `relevo:${key}:`;
    this.#storage = usable_storage();
  }

  get visitor() { return this.#storage.getItem(`${this.#prefix}visitor`); }
  set visitor(id) { this.#storage.setItem(`${this.#prefix}visitor`, id); }

  keep({ client_id, text, at }) { this.#storage.setItem(this.#entry(client_id), JSON.stringify({ client_id, text, at })); }
  forget(client_id) { this.#storage.removeItem(this.#entry(client_id)); }

  /** The unacknowledged messages, oldest first. */
  unsent() {
    return Object.keys(this.#storage)
      .filter((name) => name.startsWith(this.#entry("")))
      .map((name) => JSON.parse(this.#storage.getItem(name)))
      .sort((a, b) => a.at.localeCompare(b.at));
  }

  #entry(client_id) { return `${this.#prefix}out:${client_id}`; }
}

// Some browsers refuse storage to embedded or private pages: the chat then lasts as long as the page.
function usable_storage() {
  try {
    localStorage.setItem("relevo:probe", "1");
    localStorage.removeItem("relevo:probe");
    return localStorage;
  } catch {
    const memory = Object.create({
      getItem(name) { return Object.hasOwn(this, name) ? this[name] : null; },
      setItem(name, value) { this[name] = value; },
      removeItem(name) { delete this[name]; },
    });
    return memory;
  }
}

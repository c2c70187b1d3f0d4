/** The WebSocket of one microscope: opened again for ever, and never more than one picture under way. */

const LONGEST_WAIT_S = 5;

/**
 * Calls `on.text(message)`, `on.picture(buffer)` and `on.open(boolean)`. The server sends the next picture only after
 * `seen`, so a slow screen skips pictures instead of falling behind.
 */
export class Connection {
  #socket = null;
  #retry = 0;
  #timer = null;
  #closed = false;

  constructor(instance, source, on) {
    this.path = `/ws/${encodeURIComponent(instance)}/${encodeURIComponent(source)}`;
    this.on = on;
    this.#open();
    this.visibility = () => this.#send({ watch: !document.hidden });
    document.addEventListener("visibilitychange", this.visibility);
  }

  #open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${this.path}`);
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => {
      this.#retry = 0;
      this.visibility();
      this.on.open(true);
    });
    socket.addEventListener("message", ({ data }) => {
      if (typeof data === "string") this.on.text(JSON.parse(data));
      else this.on.picture(data);
    });
    socket.addEventListener("close", () => this.#lost());
    this.#socket = socket;
  }

  #lost() {
    if (this.#closed) return;
    this.on.open(false);
    const wait_s = Math.min(LONGEST_WAIT_S, 0.5 * 2 ** this.#retry) * (0.75 + Math.random() / 2);
    this.#retry += 1;
    this.#timer = setTimeout(() => this.#open(), 1000 * wait_s);
  }

  /** The picture with this number was drawn, or could not be: the next may come. */
  seen(frame) {
    this.#send({ seen: frame });
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.visibility);
    this.#socket.close();
  }

  #send(message) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}

/** One microscope as it is seen by this page: its connection, what is known of it, and the picture of the moment. */

import { now } from "./clock.js";
import { Connection } from "./connection.js";
import { decodeFrame } from "./message.js";
import { Tally } from "./tally.js";

export class Feed {
  /**
   * @param {object} of `instance` and `source`.
   * @param {object} options
   * @param {() => void} options.changed something else is known, or another picture is there to be drawn.
   * @param {number} options.every_s least time between two pictures; 0: as fast as they come.
   */
  constructor({ instance, source }, { changed, every_s = 0 }) {
    Object.assign(this, { instance, source, changed, every_s });
    this.tally = new Tally();
    this.bitmap = null;
    this.connection = new Connection(instance, source, {
      open: (connected) => this.#opened(connected),
      text: (message) => this.#told(message),
      picture: (buffer) => this.#pictured(buffer),
    });
  }

  #opened(connected) {
    this.tally.connected = connected;
    this.changed();
  }

  #told(message) {
    this.tally.take(message, now());
    this.changed();
  }

  /** Picture and boxes of a frame are taken over in one step: they are never of two frames. */
  async #pictured(buffer) {
    const came = now();
    const { facts, outlines, jpeg } = decodeFrame(buffer);
    try {
      const bitmap = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
      this.bitmap?.close();
      this.bitmap = bitmap;
      this.tally.show(facts, outlines, now());
      this.changed();
    } catch (fault) {
      console.warn(`frame ${facts.frame} cannot be shown: ${fault.message}`);
    }
    const wait_s = Math.max(0, this.every_s - (now() - came));
    setTimeout(() => this.connection.seen(facts.frame), 1000 * wait_s);
  }

  close() {
    this.connection.close();
    this.bitmap?.close();
    this.bitmap = null;
  }
}

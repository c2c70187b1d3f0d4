/** Counts over time: one sample a second, with gaps where nothing was measured. */

export class Series {
  /** @param {number} longest samples that are kept. */
  constructor(longest = 600) {
    this.longest = longest;
    this.samples = [];
  }

  /**
   * @param {number} second whole seconds of a monotonic clock; a second that has a sample is overwritten.
   * @param {Object<string, number>|null} counts null: not measured, which is not 0.
   */
  add(second, counts) {
    const last = this.samples[this.samples.length - 1];
    if (last?.second === second) last.counts = counts;
    else this.samples.push({ second, counts });
    if (this.samples.length > this.longest) this.samples.shift();
  }

  /** Largest count of any class; 0 without one. */
  get highest() {
    return Math.max(0, ...this.samples.flatMap(({ counts }) => Object.values(counts ?? {})));
  }

  /**
   * Unbroken stretches of a class, `[[{second, n}]]`: a line must not bridge what was not measured.
   */
  stretches(name) {
    const found = [];
    let before = null;
    for (const { second, counts } of this.samples) {
      const n = counts?.[name];
      if (n == null) before = null;
      else {
        if (before === null || second - before > 2) found.push([]);
        found[found.length - 1].push({ second, n });
        before = second;
      }
    }
    return found;
  }
}

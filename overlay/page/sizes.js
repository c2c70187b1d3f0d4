/** Sizes of the particles that this page has seen, each particle once. */

/** Of stills the latest so many sizes are kept: there is no track that would bound them. */
const MOST = 20000;

export class Sizes {
  constructor() {
    this.forget("", "");
  }

  forget(of, unit) {
    Object.assign(this, { of, unit, tracked: new Map(), untracked: [] });
  }

  /**
   * Take in the particles of a frame. A new run or group, or another unit, begins anew.
   * @param {object} facts of the frame.
   * @param {Array} particles of it, see `particlesOf`.
   */
  add(facts, particles) {
    if (facts.state !== "live") return; // nothing was measured, in whatever unit
    const of = `${facts.run_id}/${facts.group}`;
    if (of !== this.of || facts.ecd_unit !== this.unit) this.forget(of, facts.ecd_unit);
    const stills = facts.unique === null;
    for (const { kind, size, track, masked } of particles) {
      if (size === null || masked) continue;
      if (track >= 0) this.tracked.set(track, { kind, size });
      else if (stills) this.untracked.push({ kind, size }); // unconfirmed otherwise, and not in `unique` either
    }
    if (this.untracked.length > MOST) this.untracked.splice(0, this.untracked.length - MOST);
  }

  /** Sizes of a class, in `unit`. */
  ofKind(kind) {
    return [...this.tracked.values(), ...this.untracked].filter((one) => one.kind === kind).map(({ size }) => size);
  }
}

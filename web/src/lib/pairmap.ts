// SPDX-License-Identifier: MIT
// pairmap.ts - a map from two non-negative integers to one.
//
// Trees are built by asking "child of this parent with this entry?" once per node. An object or Map with a joined
// key costs several times more and leaves garbage; this is open addressing over one Int32Array, three cells a slot.

const EMPTY = -1;

export class PairMap {
  private slots: Int32Array;
  private mask: number;
  private used = 0;

  constructor(expected: number) {
    let capacity = 16;
    while (capacity < expected * 2) capacity *= 2;
    this.mask = capacity - 1;
    this.slots = new Int32Array(capacity * 3).fill(EMPTY);
  }

  get size(): number {
    return this.used;
  }

  /** The value, or -1. */
  get(a: number, b: number): number {
    return this.slots[this.find(a, b) + 2];
  }

  set(a: number, b: number, value: number): void {
    const at = this.find(a, b);
    const isNew = this.slots[at + 2] === EMPTY;
    this.slots[at] = a;
    this.slots[at + 1] = b;
    this.slots[at + 2] = value;
    if (isNew && ++this.used * 2 > this.mask) this.grow();
  }

  private find(a: number, b: number): number {
    const { slots, mask } = this;
    let h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca77);
    h ^= h >>> 15;
    for (let i = h & mask; ; i = (i + 1) & mask) {
      const at = i * 3;
      if (slots[at + 2] === EMPTY || (slots[at] === a && slots[at + 1] === b)) return at;
    }
  }

  private grow(): void {
    const old = this.slots;
    this.mask = this.mask * 2 + 1;
    this.slots = new Int32Array((this.mask + 1) * 3).fill(EMPTY);
    for (let at = 0; at < old.length; at += 3) {
      if (old[at + 2] === EMPTY) continue;
      const to = this.find(old[at], old[at + 1]);
      this.slots[to] = old[at];
      this.slots[to + 1] = old[at + 1];
      this.slots[to + 2] = old[at + 2];
    }
  }
}

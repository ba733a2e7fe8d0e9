import type { Tally } from './attack.ts';
import type { Dice } from './dice.ts';
import type { Frame } from './frames.ts';

/** What a hostile store does to the messages of pub/sub, which carry hints and heads. */
const OLD_MAX = 32;

export class Messages {
  readonly #dice: Dice;
  readonly #tally: Tally;
  readonly #old: Frame[] = [];
  #held: Frame | undefined;

  constructor(components: { readonly dice: Dice; readonly tally: Tally }) {
    this.#dice = components.dice;
    this.#tally = components.tally;
  }

  pass(frame: Frame, isHostile: boolean): readonly Frame[] {
    this.#old.push(frame);
    if (this.#old.length > OLD_MAX) this.#old.shift();
    if (!isHostile) return [...this.#released(), frame];
    const draw = this.#dice.below(10);
    switch (draw) {
      case 0:
        return this.#fired('drop', []);
      case 1:
        return this.#fired('duplicate', [frame, frame]);
      case 2:
        if (this.#held !== undefined) return this.#fired('reorder', [frame, ...this.#released()]);
        this.#held = frame;
        return [];
      case 3:
        return this.#fired('replay', [this.#dice.pick(this.#old) ?? frame, frame]);
      case 4:
        return this.#fired('forge', [withPayload(frame, (bytes) => this.#dice.spoil(bytes))]);
      case 5:
        return this.#fired('truncate', [withPayload(frame, (bytes) => this.#dice.cut(bytes))]);
      default:
        return [frame, ...this.#released()];
    }
  }

  #released(): readonly Frame[] {
    if (this.#held === undefined) return [];
    const held = this.#held;
    this.#held = undefined;
    return [held];
  }

  #fired(kind: Parameters<Tally['fired']>[0], frames: readonly Frame[]): readonly Frame[] {
    this.#tally.fired(kind, 'message');
    return frames;
  }
}

function withPayload(frame: Frame, change: (bytes: Uint8Array) => Uint8Array): Frame {
  if (frame.kind !== 'list' || frame.items === undefined) return frame;
  const last = frame.items.at(-1);
  if (last?.kind !== 'bulk' || last.bytes === undefined || last.bytes.length === 0) return frame;
  return { ...frame, items: [...frame.items.slice(0, -1), { ...last, bytes: change(last.bytes) }] };
}

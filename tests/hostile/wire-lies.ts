import type { Archive } from './archive.ts';
import type { Tally } from './attack.ts';
import type { Dice } from './dice.ts';
import { bulk, type Frame, type ListFrame } from './frames.ts';
import type { Told } from './mood.ts';
import type { Command } from './resp-proxy.ts';
import { rosterLie } from './roster-lies.ts';
import { decodeRoster, encodeHead, encodeRoster, placeOf } from './wire-layout.ts';

export type { Told } from './mood.ts';

/** Replies of the server with other values in them. What no lie is told about keeps its octets. */
export interface WireLiesComponents {
  readonly archive: Archive;
  readonly dice: Dice;
  readonly tally: Tally;
}

const STRANGERS = ['__proto__', 'UPPER', '', 'constructor', 'a'.repeat(600)];
const OLD_LOGS_MAX = 20;
/** Ranges are from the beginning and as long as the value may be. */
const STRINGS: ReadonlySet<string> = new Set(['GET', 'GETRANGE']);

export class WireLies {
  readonly #components: WireLiesComponents;
  readonly #oldLogs = new Map<string, Frame[]>();

  constructor(components: WireLiesComponents) {
    this.#components = components;
  }

  tell(command: Command, reply: Frame, told: ReadonlyMap<string, Told>): Frame {
    if (command.name !== 'EXEC') return this.#one(command, reply, told);
    if (reply.kind !== 'list' || reply.items?.length !== command.queued.length) return reply;
    const items = reply.items.map((item, index) => {
      const queued = command.queued[index];
      return queued === undefined ? item : this.#one(queued, item, told);
    });
    return { ...reply, items };
  }

  #one({ name, words }: Command, reply: Frame, told: ReadonlyMap<string, Told>): Frame {
    if (name === 'MGET') return this.#each(words.slice(1), reply, told);
    return this.#value(name, words[1], reply, told);
  }

  #each(keys: readonly Uint8Array[], reply: Frame, told: ReadonlyMap<string, Told>): Frame {
    if (reply.kind !== 'list' || reply.items === undefined) return reply;
    const items = reply.items.map((item, index) => this.#value('GET', keys[index], item, told));
    return { ...reply, items: this.#swapped(items) };
  }

  /** The values of two keys changed places. */
  #swapped(items: readonly Frame[]): readonly Frame[] {
    const { dice, tally } = this.#components;
    const [first, second, ...rest] = items;
    if (first === undefined || second === undefined || !dice.chance(0.05)) return items;
    tally.fired('reorder', 'values');
    return [second, first, ...rest];
  }

  #value(name: string, key: Uint8Array | undefined, reply: Frame, told: ReadonlyMap<string, Told>): Frame {
    const { kind, cluster } = placeOf(key);
    const state = told.get(cluster);
    const isString = STRINGS.has(name);
    if (kind === 'head' && isString && state !== undefined) return headFrame(name, state);
    if (kind === 'rec' && name === 'HGETALL' && state !== undefined) return recordsFrame(reply, state);
    if (kind === 'log' && name === 'LRANGE') return this.#log(cluster, reply);
    if (kind === 'clusters' && name === 'SMEMBERS') return this.#clusters(reply);
    if (kind === 'roster' && isString) return this.#roster(name, reply);
    return reply;
  }

  #log(cluster: string, reply: Frame): Frame {
    const { dice, tally } = this.#components;
    if (reply.kind !== 'list' || reply.items === undefined || reply.items.length === 0) return reply;
    const old = this.#oldLogs.get(cluster) ?? [];
    this.#oldLogs.set(cluster, [...old, reply].slice(-OLD_LOGS_MAX));
    const { items } = reply;
    const entry = dice.below(items.length);
    const changed = (change: (bytes: Uint8Array) => Uint8Array): ListFrame => ({
      ...reply,
      items: items.map((item, index) =>
        index === entry && item.kind === 'bulk' && item.bytes !== undefined && item.bytes.length > 0
          ? { ...item, bytes: change(item.bytes) }
          : item,
      ),
    });
    switch (dice.below(16)) {
      case 0:
        tally.fired('truncate', 'log');
        return { ...reply, items: items.toSpliced(entry, 1) };
      case 1:
        tally.fired('truncate', 'log-entry');
        return changed((bytes) => dice.cut(bytes));
      case 2:
        tally.fired('forge', 'log-entry');
        return changed((bytes) => dice.spoil(bytes));
      case 3:
        if (items.length < 2) return reply;
        tally.fired('reorder', 'log');
        return { ...reply, items: items.toReversed() };
      case 4:
        tally.fired('duplicate', 'log-entry');
        return { ...reply, items: [...items, ...items.slice(-1)] };
      case 5:
        tally.fired('replay', 'log');
        return dice.pick(old) ?? reply;
      case 6:
        tally.fired('mix', 'log-of-another-cluster');
        return dice.pick([...this.#oldLogs.values()].flat()) ?? reply;
      default:
        return reply;
    }
  }

  #clusters(reply: Frame): Frame {
    const { dice, tally } = this.#components;
    if (reply.kind !== 'list' || reply.items === undefined) return reply;
    const draw = dice.below(10);
    if (draw === 0) {
      tally.fired('drop', 'all-clusters');
      return { ...reply, items: [] };
    }
    if (draw === 1) {
      tally.fired('truncate', 'clusters');
      return { ...reply, items: reply.items.slice(1) };
    }
    if (draw !== 2) return reply;
    tally.fired('forge', 'strange-clusters');
    return { ...reply, items: [...reply.items, ...STRANGERS.map((name) => bulk(Buffer.from(name)))] };
  }

  #roster(name: string, reply: Frame): Frame {
    const truth = reply.kind === 'bulk' && reply.bytes !== undefined ? decodeRoster(reply.bytes) : undefined;
    if (truth === undefined) return reply;
    const told = rosterLie(truth, this.#components);
    if (told === truth) return reply;
    return told === undefined ? nothing(name) : bulk(encodeRoster(told));
  }
}

function headFrame(name: string, told: Told): Frame {
  return told === 'absent' ? nothing(name) : bulk(encodeHead(told));
}

/** What a server says of a key that is not there: the null of RESP2, which clients of RESP3 read too, or an empty range. */
function nothing(name: string): Frame {
  return bulk(name === 'GET' ? undefined : Buffer.alloc(0));
}

function recordsFrame(reply: Frame, told: Told): Frame {
  if (reply.kind !== 'list') return reply;
  const records = told === 'absent' ? [] : [...told.records];
  return { ...reply, items: records.flatMap(([key, bytes]) => [bulk(Buffer.from(key)), bulk(bytes)]) };
}

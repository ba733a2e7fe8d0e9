import type { StoredCluster } from '../../federation/store/contract.ts';
import type { Archive } from './archive.ts';
import type { Tally } from './attack.ts';
import type { Dice } from './dice.ts';
import type { Frame } from './frames.ts';
import { Messages } from './messages.ts';
import { Mood } from './mood.ts';
import type { Command, Delivery, Enemy } from './resp-proxy.ts';
import { type Told, WireLies } from './wire-lies.ts';
import { placeOf } from './wire-layout.ts';

/** An enemy on one link: it draws what becomes of each command, reply and message from its dice, while it is hostile. */
export interface WireEnemyComponents {
  readonly dice: Dice;
  readonly tally: Tally;
  readonly archive: Archive;
  readonly truth: (cluster: string) => Promise<StoredCluster | undefined>;
}

/** The commands by which a client of ours reads and writes; the others only set a connection up. */
const DATA = new Set(['GET', 'GETRANGE', 'MGET', 'HGETALL', 'LRANGE', 'SMEMBERS', 'EXEC']);
const WRITES = new Set(['SET', 'HSET', 'HDEL', 'DEL', 'RPUSH', 'LPUSH', 'LTRIM', 'SADD']);

export class WireEnemy implements Enemy {
  readonly #dice: Dice;
  readonly #tally: Tally;
  readonly #mood: Mood;
  readonly #lies: WireLies;
  readonly #messages: Messages;
  readonly #truth: WireEnemyComponents['truth'];

  constructor(components: WireEnemyComponents) {
    this.#dice = components.dice;
    this.#tally = components.tally;
    this.#truth = components.truth;
    this.#mood = new Mood(components);
    this.#lies = new WireLies(components);
    this.#messages = new Messages(components);
  }

  turnHostile(): void {
    this.#mood.turnHostile();
  }

  turnHonest(): void {
    this.#mood.turnHonest();
  }

  command({ name, queued }: Command): ReturnType<Enemy['command']> {
    if (!this.#mood.isHostile || !DATA.has(name)) return 'pass';
    const isWrite = queued.some((command) => WRITES.has(command.name));
    const draw = this.#dice.below(100);
    if (isWrite && draw < 8) return this.#fate('drop', 'write', 'pretend');
    if (isWrite && draw < 14) return this.#fate('duplicate', 'write', 'twice');
    if (draw === 20) return this.#fate('drop', 'command', 'swallow');
    if (draw === 21) return this.#fate('duplicate', 'command', 'twice');
    if (draw === 22) return this.#fate('truncate', 'connection', 'hang-up');
    return 'pass';
  }

  async reply(command: Command, reply: Frame): Promise<Delivery> {
    if (!DATA.has(command.name)) return { kind: 'deliver', frame: reply };
    const commands = command.name === 'EXEC' ? command.queued : [command];
    // Looked up in honest times too: what the store is asked for is what it remembers.
    const told = await this.#told(commands);
    if (!this.#mood.isHostile) return { kind: 'deliver', frame: reply };
    const frame = this.#lies.tell(command, reply, told);
    const draw = this.#dice.below(60);
    if (draw === 0) return this.#delivery('truncate', 'frame', { kind: 'cut', frame });
    if (draw === 1) return this.#delivery('drop', 'reply', { kind: 'lose' });
    if (draw === 2) return this.#delivery('duplicate', 'reply', { kind: 'double', frame });
    if (draw === 3) return this.#delivery('reorder', 'replies', { kind: 'hold-back', frame });
    return { kind: 'deliver', frame };
  }

  async message(frame: Frame): Promise<readonly Frame[]> {
    return this.#messages.pass(frame, this.#mood.isHostile);
  }

  /** What is said of each cluster in these replies: one story, however many values tell it. */
  async #told(commands: readonly Command[]): Promise<ReadonlyMap<string, Told>> {
    const keys = commands.flatMap(({ words }) => words.slice(1));
    const clusters = new Set(keys.map((key) => placeOf(key).cluster).filter((cluster) => cluster !== ''));
    const lies = new Map<string, Told>();
    for (const cluster of clusters) {
      const truth = await this.#truth(cluster);
      const told = truth && this.#mood.tell(cluster, truth);
      if (told !== undefined && told !== truth) lies.set(cluster, told);
    }
    return lies;
  }

  #fate(kind: 'drop' | 'duplicate' | 'truncate', name: string, fate: ReturnType<Enemy['command']>): typeof fate {
    this.#tally.fired(kind, name);
    return fate;
  }

  #delivery(kind: 'drop' | 'duplicate' | 'truncate' | 'reorder', name: string, delivery: Delivery): Delivery {
    this.#tally.fired(kind, name);
    return delivery;
  }
}

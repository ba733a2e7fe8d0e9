import type { Clock } from '../../../runtime/clock.ts';
import { errorText, IsthmusError } from '../../../runtime/errors.ts';
import type { HistogramHandle } from '../../../runtime/metrics.ts';
import type { StoreComponents } from '../components.ts';
import { StoreUnavailableError } from '../contract.ts';
import type { Connection, Link } from './link.ts';
import { COMMAND_TIMEOUT_MS } from './link.ts';
import type { RequestInitOf, ResponseOf, StreamName, UnaryName } from './service.ts';
import { Slots } from './slots.ts';
import { within } from './within.ts';
import { ServerUnreachableError } from './wire-errors.ts';

/** Below what the server lets one session have, so that it never has to refuse a call of ours. */
const CALLS_AT_ONCE = 12;
/** However slowly the parts come: a whole cluster over a link of 1 MiB/s, with as much to spare. */
const READ_TIMEOUT_MS = 70_000;
const SECONDS_BUCKETS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10];

/** What becomes of the parts of one answer. Made anew for each attempt. */
export interface Collector<Part, Result> {
  take(part: Part): void;
  done(): Result;
}

type StreamedRead = Exclude<StreamName, 'watch'>;

/** Single calls to the store server: bounded in number and time, with answers that are checked. */
export class Commands {
  readonly #clock: Clock;
  readonly #link: Link;
  readonly #slots = new Slots({ slots: CALLS_AT_ONCE });
  readonly #seconds: HistogramHandle;

  constructor(components: StoreComponents, init: { link: Link }) {
    this.#clock = components.clock;
    this.#link = init.link;
    const help = 'duration of calls to the store server, with the wait for the connection';
    this.#seconds = components.metrics.histogram('isthmus_store_call_seconds', help, SECONDS_BUCKETS, ['call']);
  }

  unary<Name extends UnaryName, Result>(
    name: Name,
    request: RequestInitOf<Name>,
    parse: (response: ResponseOf<Name>) => Result,
    timeoutMs = COMMAND_TIMEOUT_MS,
  ): Promise<Result> {
    return this.#timed(name, timeoutMs, ({ channel, session }) =>
      channel.unary(name, request, { session, timeoutMs }).then((response) => this.#checked(() => parse(response))),
    );
  }

  read<Name extends StreamedRead, Result>(
    name: Name,
    request: RequestInitOf<Name>,
    collector: () => Collector<ResponseOf<Name>, Result>,
  ): Promise<Result> {
    return this.#timed(name, READ_TIMEOUT_MS, async ({ channel, session }) => {
      const collected = collector();
      for await (const part of channel.stream(name, request, { session, idleTimeoutMs: COMMAND_TIMEOUT_MS })) {
        this.#checked(() => collected.take(part));
      }
      return this.#checked(() => collected.done());
    });
  }

  async #timed<Result>(
    name: string,
    timeoutMs: number,
    work: (connection: Connection) => Promise<Result>,
  ): Promise<Result> {
    const startedAtMs = this.#clock.monotonicMs();
    const late = (): ServerUnreachableError =>
      new ServerUnreachableError(`the store server at ${this.#link.place} did not answer within ${timeoutMs} ms`);
    try {
      return await within(
        this.#clock,
        timeoutMs,
        this.#slots.use(() => this.#link.run(work)),
        late,
      );
    } finally {
      this.#seconds.observe((this.#clock.monotonicMs() - startedAtMs) / 1000, { call: name });
    }
  }

  /** The server is not trusted: whatever its answer trips over is a store that cannot be used. */
  #checked<Result>(parse: () => Result): Result {
    try {
      return parse();
    } catch (cause) {
      const code = cause instanceof IsthmusError ? cause.code : 'internal';
      throw new StoreUnavailableError(
        `the store server at ${this.#link.place} answered nonsense: ${errorText(cause)}`,
        {
          cause,
          fields: { code },
        },
      );
    }
  }
}

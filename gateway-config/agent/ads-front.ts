import type { Clock, Timer } from '../../runtime/clock.ts';
import { errorText } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { GatewayStreams } from '../xds/gateway-streams.ts';
import type { FrameCall, XdsStream } from '../xds/stream.ts';
import { AdsPeek } from './ads-peek.ts';
import type { ControllerLink } from './controller-link.ts';
import type { ResourceCache } from './resource-cache.ts';
import type { AdsCall } from './upstream.ts';

/**
 * Envoy's ADS stream, seen from the agent: relayed to the controller when that is there, else answered from the cache.
 * A stream never changes its server: the agent ends it, and Envoy, which keeps its configuration, comes back within
 * 100 ms and presents what it has, so that nothing is sent twice.
 */
export interface EnvoyCall extends FrameCall {
  pause(): void;
  resume(): void;
}

export interface EnvoyStream {
  receive(frame: Buffer): void;
  drained(): void;
  /** Envoy ended it, or is gone. */
  closed(): void;
}

/** How long a new Envoy stream waits for the controller before it is answered from the cache. */
export const CONTROLLER_WAIT_MS = 500;
/** First requests of a stream that waits: one per type, with names and versions. */
const HELD_BYTES_MAX = 32 * 1024 * 1024;

type Serving =
  | { readonly kind: 'waiting'; readonly held: Buffer[]; heldBytes: number; readonly timer: Timer | undefined }
  | { readonly kind: 'relayed'; readonly peek: AdsPeek; readonly call: AdsCall }
  | { readonly kind: 'local'; readonly peek: AdsPeek; readonly stream: XdsStream; readonly call: FrameCall }
  | { readonly kind: 'over' };

export interface AdsFrontComponents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly link: ControllerLink;
  readonly cache: ResourceCache;
  /** Serves the cache. */
  readonly local: GatewayStreams;
}

export class AdsFront {
  readonly #components: AdsFrontComponents;
  readonly #warming = new Set<string>();
  #current: Stream | undefined;

  constructor(components: AdsFrontComponents) {
    this.#components = components;
  }

  /** Who answers Envoy now. */
  get server(): 'controller' | 'cache' | 'nobody' {
    return this.#current?.server ?? 'nobody';
  }

  /** There is one Envoy, so a new stream means that its old one is dead. */
  accept(call: EnvoyCall): EnvoyStream {
    this.#current?.end('replaced by a newer stream');
    const stream: Stream = new Stream(this.#components, {
      call,
      warming: this.#warming,
      onOver: () => {
        if (this.#current === stream) this.#current = undefined;
        this.#components.link.dial();
      },
    });
    this.#current = stream;
    stream.begin();
    return stream;
  }

  /** Called when a spare stream to the controller was accepted. */
  controllerAccepted(): void {
    this.#current?.controllerAccepted();
  }

  close(): void {
    this.#current?.end('the gateway agent stops');
  }
}

class Stream implements EnvoyStream {
  readonly #components: AdsFrontComponents;
  readonly #init: { readonly call: EnvoyCall; readonly warming: Set<string>; readonly onOver: () => void };
  #serving: Serving = { kind: 'waiting', held: [], heldBytes: 0, timer: undefined };

  constructor(
    components: AdsFrontComponents,
    init: { readonly call: EnvoyCall; readonly warming: Set<string>; readonly onOver: () => void },
  ) {
    this.#components = components;
    this.#init = init;
  }

  get server(): 'controller' | 'cache' | 'nobody' {
    if (this.#serving.kind === 'relayed') return 'controller';
    return this.#serving.kind === 'local' ? 'cache' : 'nobody';
  }

  begin(): void {
    const { clock, link } = this.#components;
    link.dial();
    if (this.#relay()) return;
    // Known to be away: no use in waiting.
    const delayMs = link.reachable === false ? 0 : CONTROLLER_WAIT_MS;
    const timer = clock.after(delayMs, () => this.#serveLocally());
    this.#serving = { kind: 'waiting', held: [], heldBytes: 0, timer };
  }

  receive(frame: Buffer): void {
    const serving = this.#serving;
    try {
      if (serving.kind === 'relayed') this.#forward(serving, frame);
      else if (serving.kind === 'local') serving.stream.receive(serving.peek.request(frame));
      else if (serving.kind === 'waiting') this.#hold(serving, frame);
    } catch (error) {
      this.#components.log.warn('envoy sent a request that cannot be read', { reason: errorText(error) });
      this.end('malformed request');
    }
  }

  drained(): void {
    if (this.#serving.kind === 'relayed') this.#serving.call.resume();
    if (this.#serving.kind === 'local') this.#serving.stream.drained();
  }

  closed(): void {
    this.#over();
  }

  end(reason: string): void {
    if (this.#over()) this.#init.call.fail('unavailable', reason);
  }

  controllerAccepted(): void {
    if (this.#serving.kind === 'local') this.end('the controller is back');
    else if (this.#serving.kind === 'waiting') this.#relay();
  }

  #over(): boolean {
    const serving = this.#serving;
    if (serving.kind === 'over') return false;
    this.#serving = { kind: 'over' };
    if (serving.kind === 'waiting') serving.timer?.cancel();
    if (serving.kind === 'relayed') serving.call.cancel();
    if (serving.kind === 'local') this.#components.local.closed(serving.call);
    this.#init.onOver();
    return true;
  }

  #relay(): boolean {
    const waiting = this.#serving;
    if (waiting.kind !== 'waiting') return false;
    const { link, cache, log } = this.#components;
    const peek = new AdsPeek({ cache, warming: this.#init.warming }, { server: 'controller' });
    const call = link.take({
      frame: (frame) => this.#backward(peek, frame),
      drained: () => this.#init.call.resume(),
      ended: (reason) => this.end(reason),
    });
    if (call === undefined) return false;
    waiting.timer?.cancel();
    log.debug('envoy is served by the controller');
    this.#serving = { kind: 'relayed', peek, call };
    for (const frame of waiting.held) this.receive(frame);
    return true;
  }

  #serveLocally(): void {
    const waiting = this.#serving;
    const { cache, local, log } = this.#components;
    // With nothing kept, Envoy waits for the controller and is not live until then: better than live and empty.
    if (waiting.kind !== 'waiting' || cache.empty) return;
    const peek = new AdsPeek({ cache, warming: this.#init.warming }, { server: 'cache' });
    const call: FrameCall = {
      write: (frame) => {
        peek.response(frame);
        return this.#init.call.write(frame);
      },
      fail: (_why, message) => this.end(message),
    };
    local.setSnapshot(cache.snapshot());
    const stream = local.open(call, undefined);
    if (stream === undefined) return;
    log.warn('controller is away: envoy is served what it last acknowledged');
    this.#serving = { kind: 'local', peek, stream, call };
    for (const frame of waiting.held) this.receive(frame);
  }

  #hold(waiting: Extract<Serving, { kind: 'waiting' }>, frame: Buffer): void {
    waiting.held.push(frame);
    waiting.heldBytes += frame.length;
    if (waiting.heldBytes > HELD_BYTES_MAX) this.end('too many requests before the first answer');
  }

  #forward(relayed: Extract<Serving, { kind: 'relayed' }>, frame: Buffer): void {
    if (!relayed.call.write(relayed.peek.request(frame))) this.#init.call.pause();
  }

  #backward(peek: AdsPeek, frame: Buffer): void {
    if (this.#serving.kind !== 'relayed') return;
    try {
      peek.response(frame);
    } catch (error) {
      this.#components.log.error('the controller sent a response that cannot be read', { reason: errorText(error) });
      this.end('malformed response');
      return;
    }
    if (!this.#init.call.write(frame)) this.#serving.call.pause();
  }
}

import { equals } from '@bufbuild/protobuf';
import { type AttachResponse, AttachResponseSchema } from '../../protos/gen/isthmus/agent/v1/agent_pb.ts';
import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { errorText } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import { RECONNECT_BACK_OFF } from './controller-link.ts';
import type { Controllers } from './controllers.ts';
import { ControllerRefusalError } from './upstream.ts';

/**
 * Who this gateway is, as its controller says: asked at the start, and again whenever the controller comes back, because
 * a restarted controller does not know us, and because what we started with may have been from the last time.
 */
export interface AttachmentComponents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: Random;
  readonly upstream: Pick<Controllers, 'attach'>;
}

export class Attachment {
  readonly #components: AttachmentComponents;
  readonly #instance: string;
  #current: AttachResponse;
  #fresh: boolean;

  private constructor(
    components: AttachmentComponents,
    init: { instance: string; current: AttachResponse; fresh: boolean },
  ) {
    this.#components = components;
    this.#instance = init.instance;
    this.#current = init.current;
    this.#fresh = init.fresh;
  }

  /**
   * Without a controller and without a last time there is nothing to start Envoy with, so it is asked until it answers.
   * @throws ControllerRefusalError when the controller does not want this gateway; the signal's reason
   */
  static async first(
    components: AttachmentComponents,
    kept: AttachResponse | undefined,
    signal?: AbortSignal,
  ): Promise<Attachment> {
    const { clock, log, random, upstream } = components;
    const instance = String(clock.epochMs());
    const backoff = new Backoff({ random }, RECONNECT_BACK_OFF);
    for (;;) {
      try {
        return new Attachment(components, { instance, current: await upstream.attach(instance), fresh: true });
      } catch (error) {
        if (error instanceof ControllerRefusalError) throw error;
        const reason = errorText(error);
        if (kept !== undefined) {
          log.warn('controller is away: starting with the kept configuration', { reason });
          return new Attachment(components, { instance, current: kept, fresh: false });
        }
        if (backoff.failures === 0) log.warn('controller is away and nothing is kept: waiting for it', { reason });
      }
      await clock.sleep(backoff.nextMs(), signal);
    }
  }

  get current(): AttachResponse {
    return this.#current;
  }

  /** @returns whether the controller now says something else than before */
  async renew(): Promise<'same' | 'changed'> {
    // The controller that was asked a moment ago is not asked again.
    const fresh = this.#fresh;
    this.#fresh = false;
    if (fresh) return 'same';
    const { log, upstream } = this.#components;
    try {
      const next = await upstream.attach(this.#instance);
      if (equals(AttachResponseSchema, next, this.#current)) return 'same';
      this.#current = next;
      return 'changed';
    } catch (error) {
      // It went away again, or refuses us now: Envoy keeps what it has either way.
      log.warn('cannot attach to the controller', { reason: errorText(error) });
      return 'same';
    }
  }
}

import type { ClusterId } from '../federation/model/ids.ts';
import type { Store } from '../federation/store/contract.ts';
import { nextEpoch } from '../federation/sync/epoch.ts';
import type { Marks } from '../federation/sync/marks.ts';
import { Publisher } from '../federation/sync/publisher.ts';
import { Backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorText } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Random } from '../runtime/random.ts';
import type { SigningMaterial } from './signing-identity.ts';

/**
 * Taking the writer's office of this cluster: an epoch above every one used before, made durable before it is used. With
 * marks on disk that needs nobody; with the marks lost only the store knows what was used, so it is asked until it
 * answers. Meanwhile gateways are served as ever.
 */
export interface OfficeComponents {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly marks: Marks;
}

export interface OfficeInit {
  readonly cluster: ClusterId;
  readonly incarnation: number;
  readonly writerId: string;
  readonly signing: SigningMaterial;
  readonly signal: AbortSignal;
  readonly onFenced: () => void;
}

const ASK_AGAIN = { initialMs: 200, maxMs: 2_000 };

export async function takeOffice(components: OfficeComponents, init: OfficeInit): Promise<Publisher> {
  const { marks, log } = components;
  const persisted = marks.own.epoch;
  const ownHead = persisted > 0 ? undefined : await ownEpochInStore(components, init);
  const { epoch, ignored } = nextEpoch({ persisted, ownHead });
  if (ignored.length > 0) log.warn('an epoch was not credible and is ignored', { sources: ignored });
  await marks.takeEpoch(epoch);
  log.info('took the office of the writer', { epoch, writerId: init.writerId });
  return new Publisher(components, {
    cluster: init.cluster,
    incarnation: init.incarnation,
    writerId: init.writerId,
    epoch,
    key: init.signing.key,
    chain: init.signing.record,
    initialVersion: marks.own.version,
    onFenced: init.onFenced,
  });
}

async function ownEpochInStore(components: OfficeComponents, init: OfficeInit): Promise<number> {
  const backoff = new Backoff(components, ASK_AGAIN);
  for (;;) {
    try {
      const heads = await components.store.heads();
      return heads.get(init.cluster)?.order.epoch ?? 0;
    } catch (error) {
      if (init.signal.aborted) throw error;
      components.log.warn('own marks are lost and the store does not answer, nothing is published yet', {
        error: errorText(error),
      });
      await components.clock.sleep(backoff.nextMs(), init.signal);
    }
  }
}

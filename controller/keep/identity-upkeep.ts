import type { ClusterId } from '../../federation/model/ids.ts';
import { decodeIdentity, encodeIdentity, type Identity } from '../../kubernetes/keep/identity.ts';
import { octetsOf } from '../../kubernetes/keep/kept-object.ts';
import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { errorText, IsthmusError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import { toPem } from '../../trust/certificates.ts';
import { trustDomainOf } from '../../trust/spiffe.ts';
import type { OwnObjects } from './own-objects.ts';

/**
 * What must be on the API server while a controller runs, and may have to wait until that answers: the Secret with its keys,
 * when somebody has deleted it under a running pod, and the public anchors by which gateways know their controller.
 */
export interface IdentityUpkeepComponents {
  readonly objects: OwnObjects;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface IdentityUpkeepInit {
  readonly cluster: ClusterId;
  readonly clustersetDomain: string;
  readonly authority: boolean;
  readonly identity: Identity;
}

const TRY_AGAIN = { initialMs: 500, maxMs: 10_000 };

export class IdentityUpkeep implements AsyncDisposable {
  readonly #components: IdentityUpkeepComponents;
  readonly #init: IdentityUpkeepInit;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(components: IdentityUpkeepComponents, init: IdentityUpkeepInit) {
    this.#components = components;
    this.#init = init;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new IsthmusError('closed', 'the controller stops'));
    await this.#running;
  }

  /** Never rejects. Ends when everything is there. */
  async #run(): Promise<void> {
    const { clock, log } = this.#components;
    const { signal } = this.#stop;
    const backoff = new Backoff(this.#components, TRY_AGAIN);
    while (!signal.aborted) {
      try {
        await this.#restoreKeys();
        await this.#publishTrust();
        return;
      } catch (error) {
        if (backoff.failures === 0) {
          log.warn('keys and anchors on the API server could not be compared with ours, will try again', {
            error: errorText(error),
          });
        }
      }
      await clock.sleep(backoff.nextMs(), signal).catch(() => undefined); // only the end aborts it
    }
  }

  /** Another identity there is not ours to replace: the next start takes it. */
  async #restoreKeys(): Promise<void> {
    const { objects, log } = this.#components;
    const { keys } = objects;
    await keys.change((data) => {
      if (decodeIdentity(data, this.#init, keys.what) !== undefined) return undefined;
      log.warn('the keys of this cluster were gone from the API server and are restored', { object: keys.what });
      return new Map([...(data ?? []), ...encodeIdentity(this.#init.identity)]);
    });
  }

  async #publishTrust(): Promise<void> {
    const { trust } = this.#components.objects;
    const wanted = publicTrust(this.#init);
    await trust.change((data) => {
      const isThere = [...wanted].every(
        ([key, value]) => Buffer.compare(data?.get(key) ?? new Uint8Array(), value) === 0,
      );
      return isThere ? undefined : new Map([...(data ?? []), ...wanted]);
    });
  }
}

/** `ca.pem` is the cluster's own CA: the only anchor by which its gateways accept a controller. */
function publicTrust({ cluster, clustersetDomain, identity }: IdentityUpkeepInit): ReadonlyMap<string, Uint8Array> {
  return new Map([
    ['ca.pem', octetsOf(toPem([identity.clusterCa]))],
    ['cluster', octetsOf(cluster)],
    ['clusterset', octetsOf(clustersetDomain)],
    ['trust-domain', octetsOf(trustDomainOf(cluster, clustersetDomain))],
  ]);
}

import { z } from 'zod';
import type { KubeObject } from '../api/objects.ts';
import { apiVersionOf, LEASES } from '../api/resources.ts';
import { MANAGED_BY, MANAGED_BY_LABEL } from '../names.ts';

/**
 * A Lease object (coordination.k8s.io/v1) as a value: what is in it is a claim of its writer, with the writer's clock. Read
 * leniently, because kubectl and other tools may have written it: what is missing is as good as not held.
 */
export interface LeaseObject extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    /** Above 0. */
    readonly leaseDurationSeconds?: number;
    /** RFC 3339 with microseconds, by the writer's clock. Only ever compared for equality. */
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export interface LeaseClaim {
  /** Absent: released, or never held. */
  readonly holder: string | undefined;
  readonly transitions: number;
  readonly durationMs: number;
  /** Another one with each renewal, so that a reader sees that there was one without trusting the writer's clock. */
  readonly renewal: string;
}

export interface StoredLease {
  readonly claim: LeaseClaim;
  /** As it was read: what is not ours in it (labels, fields of later versions) goes back as it came. */
  readonly object: LeaseObject;
}

const text = z.string().optional().catch(undefined);
const leaseSchema = z.looseObject({
  metadata: z.looseObject({ name: z.string(), resourceVersion: z.string() }),
  spec: z
    .looseObject({
      holderIdentity: text,
      leaseDurationSeconds: z.number().min(0).optional().catch(undefined),
      acquireTime: text,
      renewTime: text,
      leaseTransitions: z.int().min(0).optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
});

/** @throws z.ZodError when it is no object of the API at all */
export function readLease(answer: unknown): StoredLease {
  const object = leaseSchema.parse(answer) as LeaseObject; // the schema has checked the fields that the type names
  const { holderIdentity, leaseDurationSeconds = 0, acquireTime, renewTime, leaseTransitions = 0 } = object.spec ?? {};
  const claim: LeaseClaim = {
    holder: holderIdentity === '' ? undefined : holderIdentity,
    transitions: leaseTransitions,
    durationMs: leaseDurationSeconds * 1_000,
    renewal: JSON.stringify([holderIdentity, leaseTransitions, acquireTime, renewTime]),
  };
  return { claim, object };
}

export interface WantedLease {
  /** Empty: released. */
  readonly holder: string;
  readonly transitions: number;
  readonly ttlMs: number;
  /** Wall clock, for people who look at the object. */
  readonly nowMs: number;
}

/** The object to write. `base` carries the resource version, by which the server refuses it when another one was faster. */
export function leaseToWrite(
  where: { readonly namespace: string; readonly name: string },
  wanted: WantedLease,
  base: StoredLease | undefined,
): LeaseObject {
  const renewTime = microTime(wanted.nowMs);
  const isSame = base?.claim.holder === wanted.holder && base.object.spec?.acquireTime !== undefined;
  return {
    ...base?.object,
    apiVersion: apiVersionOf(LEASES),
    kind: LEASES.kind,
    metadata: base?.object.metadata ?? { ...where, labels: { [MANAGED_BY_LABEL]: MANAGED_BY } },
    spec: {
      ...base?.object.spec,
      holderIdentity: wanted.holder,
      // The API counts in whole seconds above 0. Longer than asked for is safe: others wait longer.
      leaseDurationSeconds: Math.max(1, Math.ceil(wanted.ttlMs / 1_000)),
      acquireTime: isSame ? (base.object.spec?.acquireTime ?? renewTime) : renewTime,
      renewTime,
      leaseTransitions: wanted.transitions,
    },
  };
}

/** meta/v1 MicroTime. */
function microTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('Z', '000Z');
}

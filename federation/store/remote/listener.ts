import type { Socket } from 'node:net';
import type { Clock } from '../../../runtime/clock.ts';
import { GuestListener } from '../../../runtime/guest-listener.ts';
import type { Logger } from '../../../runtime/log.ts';

/** What a store server lets strangers hold before they have logged in. */
const LIMITS = {
  /** Several clusters may sit behind one address of a NAT, each with two replicas and a few CLI calls. */
  connectionsPerAddressMax: 64,
  connectionsMax: 2_048,
  /** A TLS handshake and two calls, on a bad link. */
  loginTimeMs: 10_000,
  bytesBeforeLoginMax: 128 * 1024,
} as const;

export class Listener extends GuestListener {
  constructor(components: { clock: Clock; log: Logger }, init: { take: (socket: Socket) => void }) {
    super(components, { ...LIMITS, ...init });
  }
}

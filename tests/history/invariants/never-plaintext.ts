import { eventsOf } from '../events.ts';
import type { Invariant } from '../invariant.ts';
import { judge } from '../invariant.ts';

/** Needs a capture of the wire; nothing else shows it. */
export const NEVER_PLAINTEXT: Invariant = {
  id: 'I9',
  promise: 'nothing crosses between gateways in plaintext',
  check: (history) => {
    const wires = eventsOf(history, 'wire');
    const octets = wires.reduce((sum, wire) => sum + wire.octets, 0);
    const violations = wires
      .filter(({ plaintextOctets }) => plaintextOctets > 0)
      .map(({ atMs, link, plaintextOctets }) => ({
        atMs,
        message: `${plaintextOctets} octets in plaintext on ${link}`,
      }));
    return judge(octets, violations, 'no wire was captured');
  },
};

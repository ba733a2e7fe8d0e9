import { sameValue } from '../../federation/model/same-value.ts';
import type { Finding } from '../../runtime/errors.ts';
import type { Reflector } from '../list-watch/reflector.ts';
import type { Reflected } from './reflected.ts';

/** A reflector as the sources see it: they care for what is known and what is wrong, and not for why. */
export function asReflected<T>(reflector: Reflector<T>): Reflected<T> {
  let finding: Finding | undefined;
  let findings: readonly Finding[] = [];
  return {
    get objects() {
      return reflector.objects;
    },
    // A kind that this cluster does not have is known to have no objects: CRDs of ours may be left out.
    get synced() {
      return reflector.settled;
    },
    get absent() {
      return reflector.state === 'absent';
    },
    get findings() {
      const now = reflector.finding;
      if (!sameValue(now, finding)) {
        finding = now;
        findings = now === undefined ? [] : [now];
      }
      return findings;
    },
    onChange: (listener) => {
      const undo = [reflector.onChange(listener), reflector.onState(() => listener({ changed: new Map() }))];
      return () => {
        for (const one of undo) one();
      };
    },
    start: () => reflector.start(),
    close: () => reflector.close(),
  };
}

/** What the place of the machine means to people: one word, and what they have to do. */
import type { Finding } from '../../runtime/errors.ts';
import type { CollectionOf } from './collection.ts';
import type { State } from './states.ts';

/**
 * `listing`: not yet complete. `current`: complete, and told of changes. The others: what is known may be old, or, before the
 * first complete list, nothing is known.
 */
export type ReflectorState = 'listing' | 'current' | 'failing' | 'forbidden' | 'absent';

export function reflectorState({ trouble }: State, synced: boolean): ReflectorState {
  if (trouble === undefined) return synced ? 'current' : 'listing';
  return trouble.kind === 'forbidden' || trouble.kind === 'absent' ? trouble.kind : 'failing';
}

export function findingOf({ trouble }: State, of: CollectionOf): Finding | undefined {
  if (trouble === undefined) return undefined;
  const { group, plural } = of.resource;
  const what = group === '' ? plural : `${plural}.${group}`;
  const where = of.namespace === undefined ? '' : ` in the namespace ${of.namespace}`;
  switch (trouble.kind) {
    case 'forbidden':
      return {
        severity: 'error',
        reason: 'Forbidden',
        message: `not allowed to list and watch ${what}${where}: ${trouble.message}`,
        hint: `a ${of.namespace === undefined ? 'ClusterRole' : 'Role'} of the service account needs: apiGroups ["${group}"], resources ["${plural}"], verbs [get, list, watch]`,
      };
    case 'absent':
      return {
        severity: 'warning',
        reason: 'KindNotInstalled',
        message: `this cluster has no ${what}`,
        hint: 'install the definition (CustomResourceDefinition) of that kind, then it is picked up by itself',
      };
    case 'expired':
    case 'ahead':
    case 'too-large':
    case 'throttled':
    case 'busy':
    case 'unreachable':
    case 'malformed':
      return {
        severity: 'warning',
        reason: 'ApiServerUnavailable',
        message: `cannot read ${what}${where}: ${trouble.message}`,
        hint: 'what is known stays in force; the state of the API server decides when this goes on',
      };
    default:
      return undefined;
  }
}

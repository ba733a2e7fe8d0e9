import { type ClusterId, parseClusterId } from '../../federation/model/ids.ts';
import type { RecordLimits } from '../../federation/model/records.ts';
import { ClustersetFixture } from '../../federation/sync/clusterset.fixture.ts';
import type { Roster, RosterMember } from '../../trust/contract.ts';

/** Who takes part in a run: two honest writers, one hostile member with good keys, two readers that write nothing. */
export const HONEST: readonly ClusterId[] = ['east', 'west'].map(parseClusterId);
export const HOSTILE: ClusterId = parseClusterId('mallory');
export const READERS: readonly ClusterId[] = ['north', 'south'].map(parseClusterId);
export const EVERYBODY: readonly ClusterId[] = [...HONEST, HOSTILE, ...READERS];

/** Small, so that a member can break each of them with a state that is quickly made. */
export const LIMITS: RecordLimits = {
  recordBytesMax: 8 * 1024,
  recordsMax: 16,
  totalBytesMax: 24 * 1024,
  servicesMax: 12,
  gatewaysMax: 3,
  portsPerServiceMax: 8,
};
export const HOSTILE_QUOTA = 4;
export const READER_RANGES: readonly string[] = ['10.0.0.0/8'];

/** Keys of one clusterset: made once for a process, for they cost more than a run. */
export const clusterset = new ClustersetFixture(EVERYBODY);
/** Another root with the same names: what an impostor could have made for himself. */
export const impostors = new ClustersetFixture(EVERYBODY);

/** What the authority says about the members at some moment. */
export interface Membership {
  readonly version: number;
  readonly hostileStatus: RosterMember['status'];
  /** Of the first honest writer, which may leave and join anew. */
  readonly incarnation: number;
}

export const FIRST_MEMBERSHIP: Membership = { version: 1, hostileStatus: 'active', incarnation: 1 };

export function rosterOf({ version, hostileStatus, incarnation }: Membership): Roster {
  return clusterset.roster(version, (member) => {
    if (member.cluster === HONEST[0]) return { ...member, incarnation };
    if (member.cluster !== HOSTILE) return member;
    const confined = { exportableNamespaces: ['default'], servicesMax: HOSTILE_QUOTA, gatewayRanges: ['192.0.2.0/24'] };
    return { ...member, ...confined, status: hostileStatus };
  });
}

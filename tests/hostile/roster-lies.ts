import type { StoredRoster } from '../../federation/store/contract.ts';
import type { Roster } from '../../trust/contract.ts';
import type { Archive } from './archive.ts';
import type { Tally } from './attack.ts';
import type { Dice } from './dice.ts';

/** What a store without the root's key can say instead of the newest roster. The truth itself when it tells no lie. */
export function rosterLie(
  truth: StoredRoster,
  { archive, dice, tally }: { readonly archive: Archive; readonly dice: Dice; readonly tally: Tally },
): StoredRoster | undefined {
  const draw = dice.below(10);
  if (draw === 0) {
    tally.fired('drop', 'roster');
    return undefined;
  }
  if (draw === 1) {
    tally.fired('forge', 'roster-octet');
    return { ...truth, bytes: dice.spoil(truth.bytes) };
  }
  if (draw === 2) {
    tally.fired('truncate', 'roster');
    return { ...truth, bytes: dice.cut(truth.bytes) };
  }
  if (draw === 3) {
    tally.fired('forge', 'roster-rewritten');
    const version = truth.version + 1;
    return { version, bytes: rewritten(truth.bytes, version) };
  }
  const old = draw < 8 ? dice.pick(archive.rosters.filter(({ version }) => version !== truth.version)) : undefined;
  if (old === undefined) return truth;
  tally.fired('replay', 'roster');
  return dice.chance(0.5) ? old : { version: truth.version + 1, bytes: old.bytes };
}

/**
 * Another roster under the signature of this one, right in everything else: without bounds for anybody. As it is when it is
 * no roster: a hostile member may have been there before.
 */
export function rewritten(bytes: Uint8Array, version: number): Uint8Array {
  try {
    // The outer form was the authority's, whatever has become of it since.
    const envelope = JSON.parse(Buffer.from(bytes).toString()) as { payload: string };
    const roster = JSON.parse(Buffer.from(envelope.payload, 'base64').toString()) as Roster;
    const members = roster.members.map((member) => ({ ...member, status: 'active', servicesMax: undefined }));
    const payload = Buffer.from(JSON.stringify({ ...roster, version, members })).toString('base64');
    return Buffer.from(JSON.stringify({ ...envelope, payload }));
  } catch {
    return bytes;
  }
}

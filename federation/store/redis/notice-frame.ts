import type { ClusterId } from '../../model/ids.ts';
import { isDnsLabel } from '../../model/ids.ts';
import type { Hint } from '../contract.ts';
import { decodeHead } from './head-frame.ts';

/**
 * What is published on the one channel of a clusterset: `roster`, `join`, or `cluster NAME\n` with the new head behind it
 * where that is small. Whoever may publish can publish anything: readers verify the head like any other.
 */
const ROSTER = 'roster';
const JOIN = 'join';
const CLUSTER = 'cluster ';
const LINE_FEED = 0x0a;
/** Every reader gets every notice: a large head is fetched by those who want it. */
const INLINE_HEAD_BYTES_MAX = 8 * 1024;

export const ROSTER_NOTICE = ROSTER;
export const JOIN_NOTICE = JOIN;

export function encodeClusterNotice(cluster: ClusterId, headFrame: Buffer): Buffer {
  const subject = Buffer.from(`${CLUSTER}${cluster}\n`);
  return headFrame.byteLength > INLINE_HEAD_BYTES_MAX ? subject : Buffer.concat([subject, headFrame]);
}

/** @returns undefined when it is no notice of ours */
export function decodeNotice(message: Buffer): Hint | undefined {
  const end = message.indexOf(LINE_FEED);
  const subject = message.toString('utf8', 0, Math.min(end === -1 ? message.byteLength : end, CLUSTER.length + 64));
  if (subject === ROSTER) return { kind: 'roster' };
  if (subject === JOIN) return { kind: 'join' };
  const name = subject.startsWith(CLUSTER) ? subject.slice(CLUSTER.length) : '';
  if (end === -1 || !isDnsLabel(name)) return undefined;
  const cluster = name as ClusterId; // checked just now
  if (end + 1 === message.byteLength) return { kind: 'cluster', cluster };
  const head = decodeHead(message.subarray(end + 1));
  return head === undefined ? undefined : { kind: 'cluster', cluster, head };
}

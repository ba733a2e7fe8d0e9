/** One message in, at most one out. */
import { assertNever } from '../../runtime/errors.ts';
import { answer, refusal } from './answer.ts';
import { answerBytesMax, decodeQuery, encodeAnswer, encodeRefusal } from './codec.ts';
import { type Rcode, type RecordType, typeName } from './message.ts';
import type { Zone } from './zone.ts';

export interface Reply {
  readonly bytes: Uint8Array;
  readonly rcode: Rcode;
  /** `none` when the question could not be read. */
  readonly type: RecordType | 'other' | 'none';
}

export interface RespondInit {
  readonly transport: 'udp' | 'tcp';
  /** See `answer`. */
  readonly turn: number;
}

/** Undefined: not to be answered at all. Never throws, whatever the octets. */
export function respond(zone: Zone | undefined, message: Uint8Array, init: RespondInit): Reply | undefined {
  const decoded = decodeQuery(message);
  switch (decoded.kind) {
    case 'drop':
      return undefined;
    case 'unfit':
      return { bytes: encodeRefusal(decoded.header, decoded.rcode), rcode: decoded.rcode, type: 'none' };
    case 'query': {
      const { query } = decoded;
      // RFC 6891 section 6.1.3: nothing of a later version is understood, so nothing is answered to it.
      const isKnown = (query.edns?.version ?? 0) === 0;
      const made = isKnown ? answer(zone, query.question, init) : refusal('BADVERS');
      const bytes = encodeAnswer(query, made, answerBytesMax(query, init.transport));
      return { bytes, rcode: made.rcode, type: typeName(query.question.type) };
    }
    default:
      return assertNever(decoded);
  }
}

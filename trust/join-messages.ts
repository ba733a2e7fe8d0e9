import { z } from 'zod';
import type { ClusterId } from '../federation/model/ids.ts';
import type { Random } from '../runtime/random.ts';
import { encodeBase64 } from './base64.ts';
import { accepted, refused } from './checked.ts';
import type { Checked } from './contract.ts';
import type { PrivateKey } from './private-key.ts';
import { readPublicKey, verifySignature } from './private-key.ts';
import type { Secret } from './secret.ts';
import type { JoinToken } from './token.ts';
import { base64Octets, clusterId, firstIssue } from './wire-schema.ts';

/**
 * The two messages of a join. They lie in the store, which nobody trusts: both are authenticated under the token's secret,
 * and the request also proves that its sender holds the key that is to become the cluster's CA.
 *
 * A request is sent once and kept by its sender, because the store takes one a token; its nonce ties the answer to it.
 */
const REQUEST_PREFIX = new TextEncoder().encode('isthmus-join-request-v1\n');
const POSSESSION_PREFIX = new TextEncoder().encode('isthmus-join-key-v1\n');
const ANSWER_PREFIX = new TextEncoder().encode('isthmus-join-answer-v1\n');
const NONCE_BYTES = 16;
/** What the join board of the store keeps. */
export const JOIN_MESSAGE_BYTES_MAX = 16 * 1024;

export interface JoinRequestBody {
  readonly cluster: ClusterId;
  /** SPKI in DER of the cluster's CA key, P-256. */
  readonly publicKey: Uint8Array;
  readonly nonce: Uint8Array;
}

export interface JoinAnswer {
  /** DER. */
  readonly clusterCa: Uint8Array;
  /** The first roster version that names the new member: an older one from the store is not the answer's. */
  readonly rosterVersion: number;
}

export function makeJoinRequest(init: {
  readonly token: JoinToken;
  /** The cluster's CA key; it stays where it is. */
  readonly key: PrivateKey;
  readonly random: Random;
}): Uint8Array {
  const { token, key, random } = init;
  const body = encodeJson({
    cluster: token.cluster,
    publicKey: encodeBase64(key.publicKey),
    nonce: encodeBase64(random.bytes(NONCE_BYTES)),
  });
  const signature = key.sign(Buffer.concat([POSSESSION_PREFIX, body]));
  const code = token.secret.authenticate(Buffer.concat([REQUEST_PREFIX, signature, body]));
  return encodeJson({ body: encodeBase64(body), signature: encodeBase64(signature), code: encodeBase64(code) });
}

/** Authenticates before it parses: who does not know the secret does not reach the JSON of the body. */
export function openJoinRequest(bytes: Uint8Array, secret: Secret): Checked<JoinRequestBody> {
  const envelope = readJson(bytes, z.strictObject({ body: base64Octets, signature: base64Octets, code: base64Octets }));
  if (!envelope.ok) return envelope;
  const { body, signature, code } = envelope.value;
  if (!secret.isAuthentic(Buffer.concat([REQUEST_PREFIX, signature, body]), code)) {
    return refused('JoinNotAuthentic', 'the join request was not made with this token');
  }
  const request = readJson(body, requestSchema);
  if (!request.ok) return request;
  if (!verifySignature(request.value.publicKey, Buffer.concat([POSSESSION_PREFIX, body]), signature)) {
    return refused('JoinKeyNotProven', 'the join request does not prove that its sender has the CA key');
  }
  return request;
}

/** Binds an answer to one request: under the same secret, only the request with this nonce accepts it. */
interface AnswerBinding {
  readonly secret: Secret;
  readonly nonce: Uint8Array;
}

export function makeJoinAnswer({ secret, nonce, clusterCa, rosterVersion }: AnswerBinding & JoinAnswer): Uint8Array {
  return sealAnswer({ secret, nonce }, { clusterCa: encodeBase64(clusterCa), rosterVersion });
}

/** So that who was refused learns why at once, instead of waiting for an answer that never comes. */
export function makeJoinRefusal(
  init: AnswerBinding & { readonly reason: string; readonly message: string },
): Uint8Array {
  return sealAnswer(init, { reason: init.reason, message: init.message });
}

/** The authority's refusal comes out as a refusal here, with its reason and message. */
export function openJoinAnswer(bytes: Uint8Array, secret: Secret, nonce: Uint8Array): Checked<JoinAnswer> {
  const envelope = readJson(bytes, z.strictObject({ body: base64Octets, code: base64Octets }));
  if (!envelope.ok) return envelope;
  const { body, code } = envelope.value;
  if (!secret.isAuthentic(Buffer.concat([ANSWER_PREFIX, nonce, body]), code)) {
    return refused('JoinNotAuthentic', 'the answer does not come from the authority that made the token');
  }
  const answer = readJson(body, z.union([answerSchema, refusalSchema]));
  if (!answer.ok) return answer;
  return 'reason' in answer.value ? refused(answer.value.reason, answer.value.message) : accepted(answer.value);
}

function sealAnswer({ secret, nonce }: AnswerBinding, content: object): Uint8Array {
  const body = encodeJson(content);
  const code = secret.authenticate(Buffer.concat([ANSWER_PREFIX, nonce, body]));
  return encodeJson({ body: encodeBase64(body), code: encodeBase64(code) });
}

const requestSchema: z.ZodType<JoinRequestBody> = z.strictObject({
  cluster: clusterId,
  publicKey: base64Octets.refine((spki) => readPublicKey(spki) !== undefined, 'not an ECDSA P-256 key'),
  nonce: base64Octets.refine((nonce) => nonce.length === NONCE_BYTES, `not ${NONCE_BYTES} octets`),
});
const answerSchema = z.strictObject({ clusterCa: base64Octets, rosterVersion: z.int().min(1) });
const refusalSchema = z.strictObject({ reason: z.string().max(100), message: z.string().max(500) });

function encodeJson(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function readJson<T>(bytes: Uint8Array, schema: z.ZodType<T>): Checked<T> {
  if (bytes.length > JOIN_MESSAGE_BYTES_MAX) {
    return refused('JoinTooLarge', `the message has ${bytes.length} octets, more than ${JOIN_MESSAGE_BYTES_MAX}`);
  }
  let content: unknown;
  try {
    content = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return refused('JoinInvalid', 'the message is not JSON');
  }
  const read = schema.safeParse(content);
  return read.success
    ? accepted(read.data)
    : refused('JoinInvalid', `the message is invalid: ${firstIssue(read.error)}`);
}

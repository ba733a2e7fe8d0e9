import { z } from 'zod';
import type { ClusterId } from '../federation/model/ids.ts';
import type { Random } from '../runtime/random.ts';
import { decodeBase64Url, encodeBase64Url } from './base64.ts';
import { accepted, refused } from './checked.ts';
import type { Checked } from './contract.ts';
import { SECRET_BYTES, Secret } from './secret.ts';
import { clusterId, dnsName, firstIssue, secretText, sha256Hex, tokenIdHex } from './wire-schema.ts';

/**
 * The join token: one line of text that carries everything a new cluster needs to reach the store, to prove that it was
 * invited, and to know the clusterset's root when it sees it. It has two secrets, so that the store, which checks one, cannot answer
 * or forge a join, which takes the other.
 */
const PREFIX = 'isthmus1.';
const TOKEN_CHARACTERS_MAX = 8 * 1024;
const STORE_CHARACTERS_MAX = 2 * 1024;
const TOKEN_ID_BYTES = 16;
/** Long enough to walk to the other machine, short enough that a forgotten one is worthless. */
export const TOKEN_LIFETIME_MS = 15 * 60_000;

export interface JoinTokenFields {
  /** How to reach the store. */
  readonly store: string;
  /** 32 hex digits; not secret: it names the token at the store and in the journal. */
  readonly tokenId: string;
  /** Hex sha256 of the root certificate. */
  readonly rootFingerprint: string;
  readonly clustersetDomain: string;
  readonly cluster: ClusterId;
  /** For the reader's information: the authority's clock alone judges. */
  readonly expiresAtMs: number;
  /** Proves to the store that its bearer may use the join board for this token. */
  readonly storeSecret: Secret;
  /** Authenticates the join request and its answer between joiner and authority. */
  readonly secret: Secret;
}

export class JoinToken implements JoinTokenFields {
  readonly store: string;
  readonly tokenId: string;
  readonly rootFingerprint: string;
  readonly clustersetDomain: string;
  readonly cluster: ClusterId;
  readonly expiresAtMs: number;
  readonly storeSecret: Secret;
  readonly secret: Secret;

  constructor(fields: JoinTokenFields) {
    this.store = fields.store;
    this.tokenId = fields.tokenId;
    this.rootFingerprint = fields.rootFingerprint;
    this.clustersetDomain = fields.clustersetDomain;
    this.cluster = fields.cluster;
    this.expiresAtMs = fields.expiresAtMs;
    this.storeSecret = fields.storeSecret;
    this.secret = fields.secret;
  }

  /** The text to hand over, with its secrets. Text, JSON and inspect forms of this object have none. */
  reveal(): string {
    const { store, tokenId, rootFingerprint, clustersetDomain, cluster, expiresAtMs } = this;
    const storeSecret = encodeBase64Url(this.storeSecret.reveal());
    const secret = encodeBase64Url(this.secret.reveal());
    const content = { store, tokenId, storeSecret, secret, rootFingerprint, clustersetDomain, cluster, expiresAtMs };
    return PREFIX + encodeBase64Url(new TextEncoder().encode(JSON.stringify(content)));
  }

  toString(): string {
    return `${PREFIX}[redacted]`;
  }
}

export interface TokenInit {
  readonly store: string;
  readonly rootFingerprint: string;
  readonly clustersetDomain: string;
  readonly cluster: ClusterId;
  readonly nowMs: number;
  /** Default: 15 minutes. */
  readonly lifetimeMs?: number | undefined;
}

export function makeToken(init: TokenInit, random: Random): JoinToken {
  return new JoinToken({
    store: init.store,
    tokenId: Buffer.from(random.bytes(TOKEN_ID_BYTES)).toString('hex'),
    storeSecret: new Secret(random.bytes(SECRET_BYTES)),
    secret: new Secret(random.bytes(SECRET_BYTES)),
    rootFingerprint: init.rootFingerprint,
    clustersetDomain: init.clustersetDomain,
    cluster: init.cluster,
    expiresAtMs: init.nowMs + (init.lifetimeMs ?? TOKEN_LIFETIME_MS),
  });
}

const tokenSchema = z.strictObject({
  store: z.string().min(1).max(STORE_CHARACTERS_MAX),
  tokenId: tokenIdHex,
  storeSecret: secretText,
  secret: secretText,
  rootFingerprint: sha256Hex,
  clustersetDomain: dnsName,
  cluster: clusterId,
  expiresAtMs: z.int().min(0),
});

/** White space around the token is let pass: it comes from a terminal. */
export function parseToken(text: string): Checked<JoinToken> {
  const trimmed = text.trim();
  if (!trimmed.startsWith(PREFIX)) return refused('TokenInvalid', `a join token begins with ${PREFIX}`);
  const octets = trimmed.length > TOKEN_CHARACTERS_MAX ? undefined : decodeBase64Url(trimmed.slice(PREFIX.length));
  if (octets === undefined) return refused('TokenInvalid', 'the join token is damaged; copy it again as one line');
  let content: unknown;
  try {
    content = JSON.parse(Buffer.from(octets).toString('utf8'));
  } catch {
    // The parser's message would quote the text, and with it the secrets.
    return refused('TokenInvalid', 'the join token is cut off; copy it again as one line');
  }
  const token = tokenSchema.safeParse(content);
  if (!token.success) return refused('TokenInvalid', `the join token is invalid: ${firstIssue(token.error)}`);
  return accepted(new JoinToken(token.data));
}

/** What the store keeps to recognise the bearer: sha256 of the store secret. */
export function storeCredential(token: JoinToken): Uint8Array {
  return token.storeSecret.sha256();
}

import { createHash, timingSafeEqual } from 'node:crypto';
import type { LoginProof, MemberProof } from '../../../protos/gen/isthmus/store/v1/store_pb.ts';
import { LoginProofSchema } from '../../../protos/gen/isthmus/store/v1/store_pb.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { verifySignature } from '../../../trust/private-key.ts';
import { controllerId } from '../../../trust/spiffe.ts';
import { verifySvid } from '../../../trust/verify.ts';
import type { HostableStore } from '../contract.ts';
import { StoreRefusedError } from '../contract.ts';
import type { Principal } from './access.ts';
import type { Membership } from './membership.ts';
import type { Nonces } from './nonces.ts';
import { loginMessage } from './proof.ts';
import { decodeMessage } from './service.ts';
import { clusterFromWire } from './wire.ts';
import { SessionRefusedError } from './wire-errors.ts';

/** A chain of three certificates takes a tenth of this. */
const PROOF_BYTES_MAX = 16 * 1024;
/** Time enough to join or to claim; both take seconds. */
const ERRAND_MS = 15 * 60 * 1000;

export interface LoggedIn {
  readonly principal: Principal;
  readonly incarnation: number;
  readonly validForMs: number;
}

export interface LoginComponents {
  readonly clock: Clock;
  readonly store: HostableStore;
  readonly membership: Membership;
  readonly nonces: Nonces;
}

/** Decides whose login it is. Cheap checks first: a stranger costs one MAC, not a chain of signatures. */
export class Login {
  readonly #components: LoginComponents;
  readonly #serverPin: string;
  readonly #claimSecret: string;

  constructor(components: LoginComponents, init: { serverPin: string; claimSecret: string }) {
    this.#components = components;
    this.#serverPin = init.serverPin;
    this.#claimSecret = init.claimSecret;
  }

  /** @throws SessionRefusedError when a fresh nonce may help, StoreRefusedError when nothing will. */
  async verify(octets: Uint8Array | undefined): Promise<LoggedIn> {
    const { proof } = readProof(octets);
    switch (proof.case) {
      case 'member':
        return this.#verifyMember(proof.value);
      case 'join':
        return this.#verifyJoiner(proof.value.tokenId, proof.value.secret);
      case 'claim':
        return this.#verifyClaimant(proof.value.secret);
      case undefined:
        throw new SessionRefusedError('the login needs a proof');
      default:
        return proof satisfies never;
    }
  }

  #verifyMember({ cluster: name, nonce, chain, signature }: MemberProof): LoggedIn {
    const { clock, membership, nonces } = this.#components;
    if (!nonces.isFresh(nonce)) throw new SessionRefusedError('the nonce is not fresh');
    const cluster = clusterFromWire(name);
    const member = membership.activeMember(cluster);
    if (member === undefined || membership.clustersetDomain === undefined) {
      throw new StoreRefusedError(`cluster ${cluster} is no active member of the clusterset`, {
        hint: 'see `isthmus get clusters` at the authority; a removed cluster has to join anew',
      });
    }
    const anchors = member.caCertificates.map((text) => new Uint8Array(Buffer.from(text, 'base64')));
    const expected = controllerId(cluster, membership.clustersetDomain);
    const svid = verifySvid({ chain, anchors, atMs: clock.epochMs(), expected });
    if (!svid.ok) {
      throw new StoreRefusedError(`the certificate of cluster ${cluster} is refused: ${svid.message}`, {
        fields: { reason: svid.reason },
      });
    }
    if (!verifySignature(svid.value.publicKey, loginMessage(this.#serverPin, nonce), signature)) {
      throw new StoreRefusedError(`the login of cluster ${cluster} is not signed by its controller`);
    }
    if (!nonces.use(nonce)) throw new SessionRefusedError('the nonce is not fresh');
    return {
      principal: { kind: 'member', cluster, isAuthority: membership.isAuthority(cluster) },
      incarnation: member.incarnation,
      validForMs: svid.value.notAfterMs - clock.epochMs(),
    };
  }

  async #verifyJoiner(tokenId: string, secret: Uint8Array): Promise<LoggedIn> {
    const credential = await this.#components.store.credentialOf(tokenId);
    const shown = createHash('sha256').update(secret).digest();
    if (credential === undefined || credential.length !== shown.length || !timingSafeEqual(credential, shown)) {
      throw new StoreRefusedError('the join token is unknown here, has expired or has another secret', {
        hint: 'ask the authority for a new one: isthmus token create --cluster NAME',
      });
    }
    return { principal: { kind: 'joiner', tokenId }, incarnation: 0, validForMs: ERRAND_MS };
  }

  #verifyClaimant(secret: string): LoggedIn {
    const [shown, expected] = [secret, this.#claimSecret].map((text) => createHash('sha256').update(text).digest());
    if (shown === undefined || expected === undefined || !timingSafeEqual(shown, expected)) {
      throw new StoreRefusedError('the claim secret is not that of this store server');
    }
    return { principal: { kind: 'claimant' }, incarnation: 0, validForMs: ERRAND_MS };
  }
}

function readProof(octets: Uint8Array | undefined): LoginProof {
  if (octets === undefined) throw new SessionRefusedError('the login needs a proof');
  if (octets.length > PROOF_BYTES_MAX) throw new StoreRefusedError('the proof of the login is too large');
  try {
    return decodeMessage(LoginProofSchema, octets);
  } catch {
    // Whatever the octets are, they are no proof; the decoder's words would help nobody but a prober.
    throw new StoreRefusedError('the proof of the login cannot be read');
  }
}

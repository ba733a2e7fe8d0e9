import type { PrivateKey } from '../../../trust/private-key.ts';
import { LoginProofSchema } from '../../../protos/gen/isthmus/store/v1/store_pb.ts';
import type { ClusterId } from '../../model/ids.ts';
import { StoreRefusedError } from '../contract.ts';
import type { StoreAddress } from './address.ts';
import { formatPlace } from './address.ts';
import { loginMessage } from './proof.ts';
import { encodeMessage } from './service.ts';

/** As whom a client logs in. */
export type StoreIdentity = MemberIdentity | JoinerIdentity | ClaimantIdentity;

export interface MemberIdentity {
  readonly kind: 'member';
  readonly cluster: ClusterId;
  /** Asked at each login, so that a renewed certificate is used without further ado. */
  readonly svid: () => ControllerSvid;
}

export interface ControllerSvid {
  readonly key: PrivateKey;
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
}

export interface JoinerIdentity {
  readonly kind: 'joiner';
  readonly tokenId: string;
  /** The store secret of the token. */
  readonly storeSecret: Uint8Array;
}

/** Whoever holds the claim secret, which is in the address. */
export interface ClaimantIdentity {
  readonly kind: 'claimant';
}

/** The proof for the Login call. Without a nonce a member has none yet: the call is then a request for one. */
export function proofOf(
  identity: StoreIdentity,
  { address, pin, nonce }: { address: StoreAddress; pin: string; nonce: Uint8Array | undefined },
): Uint8Array | undefined {
  switch (identity.kind) {
    case 'member': {
      if (nonce === undefined) return undefined;
      const { key, chain } = identity.svid();
      const signature = key.sign(loginMessage(pin, nonce));
      const value = { cluster: identity.cluster, nonce, chain: [...chain], signature };
      return encodeMessage(LoginProofSchema, { proof: { case: 'member', value } });
    }
    case 'joiner': {
      const value = { tokenId: identity.tokenId, secret: identity.storeSecret };
      return encodeMessage(LoginProofSchema, { proof: { case: 'join', value } });
    }
    case 'claimant': {
      if (address.claim === undefined) throw noClaim(address);
      return encodeMessage(LoginProofSchema, { proof: { case: 'claim', value: { secret: address.claim } } });
    }
    default:
      return identity satisfies never;
  }
}

function noClaim(address: StoreAddress): StoreRefusedError {
  return new StoreRefusedError(`the address of the store server at ${formatPlace(address)} has no claim secret`, {
    hint: 'take the whole link that `isthmus store serve` printed at its first start',
  });
}

/**
 * Who a gateway agent is that calls from another host or pod. It is asked before anything of a call is parsed, with the
 * bearer token of the call; the kind of token decides who can judge it.
 */
export interface GatewayAuthenticator {
  /**
   * @param claimed the gateway that the caller says it is
   * @returns never rejects: whoever cannot judge says `unknown`
   */
  authenticate(token: string, claimed: string): Promise<GatewayVerdict>;
}

export type GatewayVerdict =
  | { readonly kind: 'admitted'; readonly gateway: string }
  /** A no that asking again does not change. `reason` is a stable CamelCase word. */
  | { readonly kind: 'refused'; readonly reason: string; readonly message: string }
  /** It could not be judged now: no reason to let anybody in, and none to send away who is in. */
  | { readonly kind: 'unknown'; readonly message: string };

/** Octets of a bearer token: Kubernetes' are about 1 KB, ours 100 octets. */
export const BEARER_TOKEN_BYTES_MAX = 8 * 1024;

import { z } from 'zod';
import { BEARER_TOKEN_BYTES_MAX } from './gateway-authenticator.ts';

/**
 * What a Kubernetes service-account token says of itself (a JWT, RFC 7519; claims as of Kubernetes 1.21 and later). Nothing
 * of it is proven: only the API server can tell whether it signed it. Good for finding out what is not worth asking.
 */
export interface ServiceAccountClaims {
  /** `system:serviceaccount:NAMESPACE/NAME` with a colon between them. */
  readonly subject: string;
  readonly audiences: readonly string[];
  readonly expiresAtMs: number | undefined;
  readonly pod: string | undefined;
}

const claimsSchema = z.object({
  sub: z.string(),
  aud: z.union([z.string(), z.array(z.string())]).optional(),
  exp: z.number().optional(),
  'kubernetes.io': z.object({ pod: z.object({ name: z.string() }).optional() }).optional(),
});

/** Undefined when the text is no such token. */
export function readServiceAccountClaims(token: string): ServiceAccountClaims | undefined {
  const [header, payload, signature, ...more] = token.split('.');
  if (token.length > BEARER_TOKEN_BYTES_MAX || !header || !payload || !signature || more.length > 0) return undefined;
  const claims = claimsSchema.safeParse(parseJson(Buffer.from(payload, 'base64url').toString('utf8')));
  if (!claims.success) return undefined;
  const { sub, aud = [], exp, 'kubernetes.io': kubernetes } = claims.data;
  return {
    subject: sub,
    audiences: typeof aud === 'string' ? [aud] : aud,
    expiresAtMs: exp === undefined ? undefined : exp * 1000,
    pod: kubernetes?.pod?.name,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // No JSON, so no claims: the schema says the rest.
    return undefined;
  }
}

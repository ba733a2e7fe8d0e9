import { createHash } from 'node:crypto';
import { z } from 'zod';
import { isDnsLabel } from '../federation/model/ids.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorText } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { GatewayAuthenticator, GatewayVerdict } from '../trust/gateway-authenticator.ts';
import { readServiceAccountClaims } from '../trust/service-account-token.ts';
import { apiVersionOf, pathOf, TOKEN_REVIEWS } from './api/resources.ts';
import type { KubeTransport } from './api/transport.ts';
import { GATEWAY_TOKEN_AUDIENCE, OWN_NAMES } from './names.ts';

/**
 * Lets gateway pods in by their projected service-account token: the API server says whether it is one of its own, for our
 * audience, of the gateway's service account, and of which pod. Answers are kept for a while; while the API server is
 * dark, a token that it has approved is good until it expires, and a new one has to wait.
 */
export interface TokenReviewComponents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly transport: Pick<KubeTransport, 'call'>;
}

export interface TokenReviewInit {
  /** Of the controller and its gateways. */
  readonly namespace: string;
}

/** How long the token of a deleted pod is still good. */
export const GOOD_FOR_MS = 60_000;
/** What was refused may be right soon: the API server's caches lag. */
export const BAD_FOR_MS = 5_000;
/** Below the time that the gate gives the whole judgement. */
const REVIEW_TIMEOUT_MS = 3_000;
/** Strangers may send any number of tokens that look right; the API server is everybody's. */
const REVIEWS_AT_ONCE_MAX = 16;
/** Far above the gateways of one cluster, with the tokens that they had before. */
const KEPT_MAX = 1_024;
/** A clock of ours that is ahead of the API server's must not end a token early. */
const CLOCK_SKEW_MS = 60_000;
const POD_NAME = 'authentication.kubernetes.io/pod-name';

const answerSchema = z.object({
  status: z.object({
    authenticated: z.boolean().optional(),
    audiences: z.array(z.string()).optional(),
    error: z.string().optional(),
    user: z
      .object({ username: z.string().optional(), extra: z.record(z.string(), z.array(z.string())).optional() })
      .optional(),
  }),
});

type Settled = Exclude<GatewayVerdict, { readonly kind: 'unknown' }>;

interface Kept {
  readonly verdict: Settled;
  /** Asked again after it. Monotonic, ms. */
  readonly freshUntilMs: number;
}

export class TokenReviewer implements GatewayAuthenticator {
  readonly #components: TokenReviewComponents;
  readonly #username: string;
  /** By the hash of the token; most recently judged last. */
  readonly #kept = new Map<string, Kept>();
  readonly #asking = new Map<string, Promise<GatewayVerdict>>();

  constructor(components: TokenReviewComponents, init: TokenReviewInit) {
    this.#components = components;
    this.#username = `system:serviceaccount:${init.namespace}:${OWN_NAMES.gateway}`;
  }

  async authenticate(token: string, claimed: string): Promise<GatewayVerdict> {
    const verdict = this.#precheck(token) ?? (await this.#review(token));
    if (verdict.kind !== 'admitted' || verdict.gateway === claimed) return verdict;
    return refused('WrongGateway', `the token is that of pod ${verdict.gateway}`);
  }

  /** What the token says of itself is no proof of anything, but enough to not ask. */
  #precheck(token: string): Settled | undefined {
    const claims = readServiceAccountClaims(token);
    if (claims === undefined) return refused('NotAServiceAccountToken', 'this is no token of a service account');
    const { subject, audiences, expiresAtMs, pod } = claims;
    if (subject !== this.#username)
      return refused('WrongServiceAccount', `the token is that of ${subject.slice(0, 200)}`);
    if (!audiences.includes(GATEWAY_TOKEN_AUDIENCE)) {
      return refused('WrongAudience', `the token is not for ${GATEWAY_TOKEN_AUDIENCE}`);
    }
    if (expiresAtMs === undefined) return refused('Unbounded', 'the token never expires');
    if (expiresAtMs + CLOCK_SKEW_MS < this.#components.clock.epochMs())
      return refused('Expired', 'the token has expired');
    if (pod === undefined) return refused('NoPod', 'the token is not bound to a pod');
    return undefined;
  }

  #review(token: string): Promise<GatewayVerdict> {
    const key = createHash('sha256').update(token).digest('base64');
    const kept = this.#kept.get(key);
    if (kept !== undefined && this.#components.clock.monotonicMs() < kept.freshUntilMs) {
      return Promise.resolve(kept.verdict);
    }
    const before = this.#asking.get(key);
    if (before !== undefined) return before;
    if (this.#asking.size >= REVIEWS_AT_ONCE_MAX) {
      return Promise.resolve(fallback(kept, 'too many tokens are being judged'));
    }
    const asking = this.#ask(token)
      .then((verdict) => {
        this.#keep(key, verdict);
        return verdict;
      })
      .catch((error: unknown) => this.#dark(kept, error))
      .finally(() => this.#asking.delete(key));
    this.#asking.set(key, asking);
    return asking;
  }

  /** @throws whatever the transport does when there is no answer, or no permission to ask */
  async #ask(token: string): Promise<Settled> {
    const answer = await this.#components.transport.call({
      method: 'POST',
      path: pathOf(TOKEN_REVIEWS),
      body: {
        apiVersion: apiVersionOf(TOKEN_REVIEWS),
        kind: TOKEN_REVIEWS.kind,
        spec: { token, audiences: [GATEWAY_TOKEN_AUDIENCE] },
      },
      timeoutMs: REVIEW_TIMEOUT_MS,
    });
    const { authenticated, audiences, error, user } = answerSchema.parse(answer).status;
    if (authenticated !== true)
      return refused('NotAuthenticated', `the API server does not know the token: ${error ?? 'no reason given'}`);
    // An API server that knows nothing of audiences would leave them out (TokenReview v1, `status.audiences`).
    if (audiences?.includes(GATEWAY_TOKEN_AUDIENCE) !== true)
      return refused('WrongAudience', 'the token is for others');
    if (user?.username !== this.#username)
      return refused('WrongServiceAccount', `the token is that of ${user?.username}`);
    const [gateway, ...more] = user.extra?.[POD_NAME] ?? [];
    if (gateway === undefined || more.length > 0) return refused('NoPod', 'the token is not bound to a pod');
    if (!isDnsLabel(gateway)) return refused('WrongName', `a gateway cannot be called ${gateway.slice(0, 80)}`);
    return { kind: 'admitted', gateway };
  }

  #dark(kept: Kept | undefined, error: unknown): GatewayVerdict {
    const message = `the API server could not be asked about the token: ${errorText(error)}`;
    const verdict = fallback(kept, message);
    if (verdict.kind === 'unknown')
      this.#components.log.debug('a token could not be judged', { reason: errorText(error) });
    return verdict;
  }

  #keep(key: string, verdict: Settled): void {
    const forMs = verdict.kind === 'admitted' ? GOOD_FOR_MS : BAD_FOR_MS;
    this.#kept.delete(key);
    this.#kept.set(key, { verdict, freshUntilMs: this.#components.clock.monotonicMs() + forMs });
    // Refused ones first: whoever sends many of them must not push out who is in.
    if (this.#kept.size > KEPT_MAX) this.#kept.delete(this.#expendable());
  }

  #expendable(): string {
    let first = '';
    for (const [key, { verdict }] of this.#kept) {
      if (verdict.kind === 'refused') return key;
      if (first === '') first = key;
    }
    return first;
  }
}

/** Without an answer an approval stays what it was: until when is in the token, and was looked at before. */
function fallback(kept: Kept | undefined, message: string): GatewayVerdict {
  return kept?.verdict.kind === 'admitted' ? kept.verdict : { kind: 'unknown', message };
}

function refused(reason: string, message: string): Extract<Settled, { readonly kind: 'refused' }> {
  return { kind: 'refused', reason, message };
}

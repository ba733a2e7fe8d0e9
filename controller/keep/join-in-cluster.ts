import type { LeaseBoard, Store } from '../../federation/store/contract.ts';
import { CLUSTER_CA_KEY, decodeIdentity, encodeIdentity, type IdentityOwner } from '../../kubernetes/keep/identity.ts';
import { ForeignContentError, utf8 } from '../../kubernetes/keep/kept-object.ts';
import { entryOf, readKey, SecretKeyStore } from '../../kubernetes/keep/secret-key-store.ts';
import type { Clock } from '../../runtime/clock.ts';
import { assertNever, errorText, IsthmusError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import { PrivateKey } from '../../trust/private-key.ts';
import { Secret, SECRET_BYTES } from '../../trust/secret.ts';
import { type JoinToken, parseToken } from '../../trust/token.ts';
import { type Admission, askToJoin, JoinFailedError } from '../enrol/join.ts';
import { hasLogin } from '../enrol/join-store.ts';
import type { Leadership } from '../leadership/leadership.ts';
import { LeaseKeeper } from '../leadership/lease-keeper.ts';
import type { OwnObjects } from './own-objects.ts';
import { SecretRequests, withoutRequests } from './secret-requests.ts';
import type { Waiting } from './waiting.ts';

/**
 * Joining in Kubernetes: `isthmus join`, or a person, puts a token into a Secret, and the controller does the rest. Key and
 * request are in the Secret of the keys before anybody sees them, so that any pod can go on where another one ended. One
 * replica asks at a time; the lease is the one by which they will agree on a leader later.
 */
export interface JoinInClusterComponents {
  readonly objects: OwnObjects;
  readonly board: LeaseBoard;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly waiting: Waiting;
  /** Opens the store of a token with the token's credential. */
  readonly openJoinStore: (token: JoinToken) => Promise<Store>;
}

export interface JoinInClusterInit extends IdentityOwner {
  readonly lease: string;
  readonly holder: string;
}

/** In the Secret. */
const TOKEN_ENTRY = 'token';
/** How long one look for the authority's answer goes on, before the state says that it does not answer. */
const ANSWER_WAIT_MS = 30_000;

export class JoinInCluster implements AsyncDisposable {
  readonly #components: JoinInClusterComponents;
  readonly #init: JoinInClusterInit;
  readonly #keeper: LeaseKeeper;
  #term = new AbortController();
  /** A token that the authority refused, and why: it will not change its mind. */
  #refused: { readonly token: string; readonly error: JoinFailedError } | undefined;

  constructor(components: JoinInClusterComponents, init: JoinInClusterInit) {
    this.#components = components;
    this.#init = init;
    this.#keeper = new LeaseKeeper(components, {
      name: init.lease,
      holder: init.holder,
      onChange: ({ kind }) => {
        if (kind !== 'leader') this.#term.abort(new IsthmusError('not-leader', 'another replica may join now'));
      },
    });
    this.#keeper.start();
  }

  /** Gives the lease back. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keeper.close();
  }

  /** One attempt, if there is a token and it is this replica's turn. @throws what kept it from joining */
  async attempt(signal: AbortSignal): Promise<void> {
    const { waiting, objects } = this.#components;
    const text = await this.#tokenText();
    if (text === undefined) {
      waiting.for('NoJoinToken', `waiting for a join token in ${objects.joinToken.what}, key ${TOKEN_ENTRY}`);
      return;
    }
    const token = this.#usable(text);
    if (token === undefined || !this.#isMyTurn(this.#keeper.leadership)) return;
    this.#term = new AbortController();
    try {
      await this.#join(token, AbortSignal.any([signal, this.#term.signal]));
    } catch (error) {
      if (error instanceof JoinFailedError) this.#refused = { token: text, error };
      throw error;
    }
    await this.#forgetToken(text);
  }

  async #tokenText(): Promise<string | undefined> {
    const octets = (await this.#components.objects.joinToken.read())?.get(TOKEN_ENTRY);
    const text = octets && utf8(octets).trim();
    return text === '' ? undefined : text;
  }

  #usable(text: string): JoinToken | undefined {
    const { waiting } = this.#components;
    if (this.#refused?.token === text) {
      waiting.failed(this.#refused.error);
      return undefined;
    }
    const token = parseToken(text);
    if (!token.ok) {
      waiting.for('JoinTokenInvalid', token.message);
      return undefined;
    }
    const { cluster, clustersetDomain } = token.value;
    if (cluster === this.#init.cluster && clustersetDomain === this.#init.clustersetDomain) return token.value;
    const mine = `${this.#init.cluster} of ${this.#init.clustersetDomain}`;
    waiting.for('JoinTokenInvalid', `the token is for ${cluster} of ${clustersetDomain}, and this cluster is ${mine}`);
    return undefined;
  }

  #isMyTurn(leadership: Leadership): boolean {
    const { waiting } = this.#components;
    switch (leadership.kind) {
      case 'leader':
        return true;
      case 'follower':
        waiting.for('OtherReplicaJoins', 'another replica of this controller joins');
        return false;
      case 'lapsed':
        waiting.for('Starting', 'the lease ran out while this replica was joining');
        return false;
      case 'unknown':
        waiting.for('Starting', `it is not known yet which replica joins: ${leadership.message}`);
        return false;
      default:
        return assertNever(leadership);
    }
  }

  async #join(token: JoinToken, signal: AbortSignal): Promise<void> {
    const { objects, waiting, openJoinStore } = this.#components;
    const secret = objects.keys;
    const caKey = await new SecretKeyStore({ secret }).loadOrSave(CLUSTER_CA_KEY, () => PrivateKey.generate());
    await using store = await openJoinStore(token);
    const admission = await askToJoin(
      { ...this.#components, store, requests: new SecretRequests({ secret }) },
      {
        token,
        caKey,
        signal,
        waitMs: ANSWER_WAIT_MS,
        onWaiting: () => waiting.for('Joining', 'asked to join, waiting for the authority'),
      },
    );
    await this.#keep(admission, token);
  }

  async #keep(admission: Admission, token: JoinToken): Promise<void> {
    const { objects, random, log } = this.#components;
    const { keys } = objects;
    const voidToken = new Secret(random.bytes(SECRET_BYTES));
    // A login in it could only join.
    const store = hasLogin(token.store) ? undefined : token.store;
    await keys.change((data) => {
      // The other replica came to the end of the same join.
      if (decodeIdentity(data, this.#init, keys.what) !== undefined) return undefined;
      const there = readKey(data, CLUSTER_CA_KEY, keys.what);
      if (there === undefined || Buffer.compare(there.publicKey, admission.caKey.publicKey) !== 0) {
        throw new ForeignContentError(keys.what, entryOf(CLUSTER_CA_KEY), 'was replaced while the cluster joined');
      }
      return new Map([
        ...withoutRequests(data),
        ...encodeIdentity({ ...admission, rootKey: undefined, voidToken, store }),
      ]);
    });
    log.info('this cluster has joined', { rosterVersion: admission.roster.version });
  }

  /** It is of no use to anybody any more, and should not lie about. */
  async #forgetToken(text: string): Promise<void> {
    const { objects, log } = this.#components;
    try {
      await objects.joinToken.remove((data) => utf8(data.get(TOKEN_ENTRY) ?? new Uint8Array()).trim() === text);
    } catch (error) {
      log.warn('the used join token could not be removed', { object: objects.joinToken.what, error: errorText(error) });
    }
  }
}

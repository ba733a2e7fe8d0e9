import type { Caller } from './handlers.ts';
import { checkMethod } from './access.ts';
import type { Login } from './login.ts';
import type { Membership } from './membership.ts';
import type { Nonces } from './nonces.ts';
import type { MethodName } from './service.ts';
import type { Session, Sessions } from './sessions.ts';
import { SessionRefusedError } from './wire-errors.ts';

/** What the headers of a call say about its caller. */
export interface CallHeaders {
  readonly proof: Uint8Array | undefined;
  readonly session: string | undefined;
}

export interface Admission {
  readonly caller: Caller;
  /** Fires when the caller loses its session. Never for a login. */
  readonly ended: AbortSignal;
  /** To be called once, when the call is over. */
  readonly leave: () => void;
}

export interface GateComponents {
  readonly sessions: Sessions;
  readonly membership: Membership;
  readonly login: Login;
  readonly nonces: Nonces;
}

const NEVER = new AbortController().signal;

/** Settles who calls and whether that caller may call this method, from the headers alone. */
export class Gate {
  readonly #components: GateComponents;

  constructor(components: GateComponents) {
    this.#components = components;
    components.membership.onChange(() => this.#dropStrangers());
  }

  /** A new nonce, for a login that was refused for want of one. */
  challenge(): Uint8Array {
    return this.#components.nonces.make();
  }

  async admit(method: MethodName, headers: CallHeaders): Promise<Admission> {
    const { sessions, login } = this.#components;
    if (method === 'login') {
      const loggedIn = await login.verify(headers.proof);
      return { caller: { principal: loggedIn.principal, login: loggedIn }, ended: NEVER, leave: () => undefined };
    }
    if (headers.session === undefined) throw new SessionRefusedError('the call needs a session');
    const { principal, ended } = sessions.find(headers.session);
    checkMethod(principal, method);
    const leave = sessions.enter(headers.session, method === 'watch' ? 'watch' : 'call');
    return { caller: { principal }, ended, leave };
  }

  /** Quarantined, removed and re-joined members lose their sessions with the roster that says so. */
  #dropStrangers(): void {
    this.#components.sessions.dropWhere((session) => !this.#isStillIn(session));
  }

  #isStillIn({ principal, incarnation }: Session): boolean {
    if (principal.kind !== 'member') return true;
    return this.#components.membership.activeMember(principal.cluster)?.incarnation === incarnation;
  }
}

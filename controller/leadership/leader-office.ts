import { dirname } from 'node:path';
import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { errorText, IsthmusError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import { preparePrivateFolder } from '../../trust/private-file.ts';
import type { Answer, HealthCheckResult, Routes } from '../admin/routes.ts';
import { closedJoinOffice, type JoinOffice } from '../join-office.ts';
import { StateLock } from '../state-lock.ts';
import type { Role } from './role.ts';

/**
 * The authority's join office where several replicas run: open while this one leads. The journal is one file for all of
 * them, and a token must not be redeemed by two; so whoever has it open holds its lock too. A leader that was stopped and
 * not ended keeps that lock: until it ends nobody is admitted, which is safe, and everything else goes on.
 */
export interface LeaderOfficeComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly role: Role;
}

export interface LeaderOfficeInit {
  /** Path of the journal. */
  readonly journal: string;
  readonly open: () => Promise<JoinOffice>;
}

interface OpenOffice {
  readonly office: JoinOffice;
  readonly lock: StateLock;
}

const TRY_AGAIN = { initialMs: 200, maxMs: 2_000 };

export class LeaderOffice implements JoinOffice {
  readonly routes: Routes;
  readonly checks: readonly HealthCheckResult[] = [];
  readonly #components: LeaderOfficeComponents;
  readonly #init: LeaderOfficeInit;
  #isLeader = false;
  #isClosed = false;
  #leaving = new AbortController();
  #open: OpenOffice | undefined;
  #why = 'it is just taking over';
  #turn: Promise<void> = Promise.resolve();

  constructor(components: LeaderOfficeComponents, init: LeaderOfficeInit) {
    this.#components = components;
    this.#init = init;
    this.routes = this.#forwarding();
    components.role.onLeading((isLeader) => this.#lead(isLeader));
  }

  /** For good: the role goes on for a while, and may still come to lead. */
  async close(): Promise<void> {
    this.#lead(false);
    this.#isClosed = true;
    await this.#turn;
  }

  #lead(isLeader: boolean): void {
    if (this.#isClosed || this.#isLeader === isLeader) return;
    this.#isLeader = isLeader;
    if (isLeader) {
      this.#leaving = new AbortController();
      const { signal } = this.#leaving;
      this.#turn = this.#turn.then(() => this.#untilOpen(signal));
      return;
    }
    this.#leaving.abort(new IsthmusError('not-leader', 'this replica does not lead any more'));
    this.#turn = this.#turn.then(() => this.#shut());
  }

  /** Never rejects. */
  async #untilOpen(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#components;
    const backoff = new Backoff(this.#components, TRY_AGAIN);
    while (!signal.aborted) {
      try {
        this.#open = await this.#tryToOpen();
        return;
      } catch (error) {
        this.#why = errorText(error);
        if (backoff.failures === 0) log.warn('no cluster can be admitted yet, will try again', { error: this.#why });
      }
      await clock.sleep(backoff.nextMs(), signal).catch(() => undefined); // only the end of the term aborts it
    }
  }

  async #tryToOpen(): Promise<OpenOffice> {
    const folder = dirname(this.#init.journal);
    await preparePrivateFolder(folder);
    const lock = await StateLock.take(this.#components, { folder, waitMs: 0 });
    try {
      return { office: await this.#init.open(), lock };
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  }

  async #shut(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return;
    try {
      await open.office.close();
    } catch (error) {
      this.#components.log.warn('the join office was not closed in order', { error: errorText(error) });
    } finally {
      open.lock[Symbol.dispose]();
    }
  }

  /** The routes are the same open and closed; who answers differs. */
  #forwarding(): Routes {
    const closed = closedJoinOffice('').routes;
    const forwarded = Object.entries(closed).map(([path, route]) => {
      const answer = async (query: URLSearchParams): Promise<Answer> => {
        const present = this.#open?.office.routes[path];
        return present === undefined ? this.#unavailable() : await present.answer(query);
      };
      return [path, { ...route, answer }] as const;
    });
    return Object.fromEntries(forwarded);
  }

  #unavailable(): Answer {
    const { replica = '', kind, leader } = this.#components.role.view;
    const type = 'text/plain; charset=utf-8';
    if (kind === 'follower') {
      const body = `replica ${replica} does not lead, ${leader ?? 'another one'} does: ask that one, or name the state folder of the site`;
      return { status: 409, type, body };
    }
    const why = kind === 'leader' ? this.#why : 'it is not known which replica leads';
    return { status: 503, type, body: `no cluster can be admitted by replica ${replica}: ${why}` };
  }
}

import { z } from 'zod';
import { type ClusterId, isDnsLabel, parseClusterId } from '../federation/model/ids.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorText, InvalidInputError, IsthmusError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Random } from '../runtime/random.ts';
import { fingerprint } from '../trust/certificates.ts';
import type { Checked } from '../trust/contract.ts';
import { Journal, type TokenJournal } from '../trust/journal.ts';
import type { Answer, HealthCheckResult, Routes } from './admin/routes.ts';
import type { ListedStore } from '../federation/store/several.ts';
import type { Controller } from './controller.ts';
import { storeUrl } from './config/site-fields.ts';
import { passwordInFile, strangeJoinStore, tokenStore } from './enrol/join-store.ts';
import { readPassword } from './enrol/password-file.ts';
import { JoinDesk } from './join-desk.ts';
import { type DraftKeep, FileDraft } from './roster-draft.ts';
import type { StateFolder } from './state-folder.ts';

/** The authority's part of a controller: journal, join desk, and the admin route by which `isthmus token create` asks. */
export interface JoinOffice {
  readonly routes: Routes;
  readonly checks: readonly HealthCheckResult[];
  close(): Promise<void>;
}

/** Where the authority's memory is: beside the keys on disk, or with them on the API server. */
export interface AuthorityMemory {
  openJournal(): Promise<TokenJournal>;
  readonly draft: DraftKeep;
}

export function memoryIn(folder: StateFolder): AuthorityMemory {
  return {
    openJournal: () => Journal.open(folder.journal),
    draft: new FileDraft({ path: folder.rosterDraft }),
  };
}

export interface JoinOfficeInit {
  /** Default: the controller's state folder. */
  readonly memory?: AuthorityMemory | undefined;
  /** As this site reaches it, or as it serves it. */
  readonly storeUrl: string | (() => Promise<string>);
  /** What goes into tokens in its place. Its password may be in a file. */
  readonly joinStore?: string | undefined;
}

/** Hints make it quick; this makes it certain. */
const LOOK_EVERY_MS = 1_000;
/** Whoever may give hints may give them without end; those that come meanwhile are one. */
const HINT_PAUSE_MS = 100;
const TEXT = 'text/plain; charset=utf-8';
const TOKEN_LIFETIME_MS_MAX = 24 * 60 * 60 * 1000;

const orderSchema = z.strictObject({
  cluster: z.string().refine(isDnsLabel, { error: 'not a DNS label' }),
  lifetimeMs: z.coerce.number().int().min(1_000).max(TOKEN_LIFETIME_MS_MAX).optional(),
  /** In the place of the configured one. */
  store: storeUrl().optional(),
});

export async function openJoinOffice(
  components: { clock: Clock; random: Random; log: Logger; controller: Controller },
  init: JoinOfficeInit,
): Promise<JoinOffice> {
  const { controller, clock, log } = components;
  const { rootKey, roots } = controller.trust;
  const [rootCertificate] = roots;
  if (rootKey === undefined || rootCertificate === undefined) {
    throw new IsthmusError('no-root-key', 'this controller is the authority and has no root key');
  }
  const memory = init.memory ?? memoryIn(controller.folder);
  const journal = await memory.openJournal();
  if (journal.tornBytes > 0)
    log.warn('the journal ended in a torn line, which was cut off', { bytes: journal.tornBytes });
  const desk = new JoinDesk(
    { ...components, store: controller.writable, journal, rootKey, rootCertificate },
    {
      roster: () => controller.engine.world.roster,
      draft: memory.draft,
      onRoster: (_, bytes) => controller.adoptRoster(bytes),
    },
  );
  const stop = new AbortController();
  const watching = controller.stores.map((listed) => watchBoard({ desk, listed, log, clock }, stop.signal));
  const looking = lookRegularly({ desk, clock, log, controller }, stop.signal);
  const rootPin = fingerprint(rootCertificate);
  return {
    routes: tokenRoute((query) =>
      makeToken(desk, query, {
        ...init,
        rootPin,
        self: controller.config.cluster,
        listed: controller.stores.map(({ name }) => name),
      }),
    ),
    checks: [{ name: 'authority', ok: true }],
    close: async () => {
      stop.abort(new IsthmusError('closed', 'the join office closes'));
      await Promise.all([...watching, looking]);
      await journal[Symbol.asyncDispose]();
    },
  };
}

/** In the place of one that could not be opened: says why to whoever asks for a token. */
export function closedJoinOffice(why: string): JoinOffice {
  const body = `no cluster can be admitted: ${why}`;
  return {
    routes: tokenRoute(() => ({ status: 503, type: TEXT, body })),
    checks: [{ name: 'authority', ok: true, message: body }],
    close: () => Promise.resolve(),
  };
}

/** What every other site answers to who asks it for a token. */
export const NO_JOIN_OFFICE: Routes = tokenRoute(() => {
  const body = 'this site is not the authority of its clusterset: make tokens on the site that founded it';
  return { status: 409, type: TEXT, body };
});

function tokenRoute(answer: (query: URLSearchParams) => Answer | Promise<Answer>): Routes {
  return { '/v1/tokens': { surfaces: ['socket'], method: 'POST', answer } };
}

interface TokenFacts extends JoinOfficeInit {
  readonly rootPin: string;
  readonly self: ClusterId;
  /** Names of the stores in which tokens are offered. */
  readonly listed: readonly string[];
}

async function makeToken(
  desk: JoinDesk,
  query: URLSearchParams,
  { rootPin, self, storeUrl: own, joinStore, listed }: TokenFacts,
): Promise<Answer> {
  const order = orderSchema.safeParse(Object.fromEntries(query));
  if (!order.success) return { status: 400, type: TEXT, body: z.prettifyError(order.error) };
  const { cluster, lifetimeMs } = order.data;
  // Whoever joined with it would take the authority's own place in the roster, and with it the right to write there.
  if (cluster === self)
    return { status: 409, type: TEXT, body: `${cluster} is this site, the authority: it cannot join` };
  const store = await storeForTokens({ own, join: order.data.store ?? joinStore });
  if (!store.ok) return { status: 409, type: TEXT, body: store.message };
  const token = await desk.makeToken({
    cluster: parseClusterId(cluster),
    store: store.value,
    rootFingerprint: rootPin,
    lifetimeMs,
  });
  const warning = strangeJoinStore(store.value, listed);
  const made = { token: token.reveal(), cluster: token.cluster, expiresAtMs: token.expiresAtMs, warning };
  return { status: 201, type: 'application/json', body: JSON.stringify(made) };
}

/** A token travels alone: what it needs of this machine's files is put into it. */
async function storeForTokens(stores: {
  own: JoinOfficeInit['storeUrl'];
  join: string | undefined;
}): Promise<Checked<string>> {
  try {
    const { join } = stores;
    const own = typeof stores.own === 'string' ? stores.own : join === undefined ? await stores.own() : '';
    const url = tokenStore({ own, join });
    const file = passwordInFile(url);
    return { ok: true, value: file === undefined ? url : file.withPassword(await readPassword(file.path)) };
  } catch (error) {
    if (!(error instanceof IsthmusError)) throw error;
    const found = error instanceof InvalidInputError ? error.findings.map(({ message }) => message).join(', ') : '';
    const hint = error.hint === undefined ? '' : `; ${error.hint}`;
    return { ok: false, reason: error.code, message: `${found || error.message}${hint}` };
  }
}

interface Watched {
  readonly desk: JoinDesk;
  readonly listed: ListedStore;
  readonly log: Logger;
  readonly clock: Clock;
}

/** Never rejects. */
async function watchBoard({ desk, listed, log, clock }: Watched, signal: AbortSignal): Promise<void> {
  try {
    for await (const hint of listed.store.watch(signal)) {
      if (hint.kind !== 'join' && hint.kind !== 'gap') continue;
      await desk.look();
      await clock.sleep(HINT_PAUSE_MS, signal);
    }
  } catch (error) {
    if (!signal.aborted)
      log.warn('a store gives no more hints of joins, they are only polled', {
        store: listed.name,
        error: errorText(error),
      });
  }
}

interface Looking {
  readonly desk: JoinDesk;
  readonly clock: Clock;
  readonly log: Logger;
  readonly controller: Controller;
}

async function lookRegularly(looking: Looking, signal: AbortSignal): Promise<void> {
  const { desk, clock } = looking;
  while (!signal.aborted) {
    await desk.look();
    await retireLeavers(looking);
    await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
  }
}

/** Members that said goodbye are taken off the roster. Never rejects; what fails is tried again at the next look. */
async function retireLeavers({ desk, log, controller }: Looking): Promise<void> {
  const { views, roster } = controller.engine.world;
  const leavers = [...views.values()].flatMap(({ cluster, info, head: { incarnation } }) => {
    const isActive = roster.members.some((member) => member.cluster === cluster && member.status === 'active');
    return info.goodbye === true && isActive ? [{ cluster, incarnation }] : [];
  });
  if (leavers.length === 0) return;
  try {
    await desk.retire(leavers);
  } catch (error) {
    log.warn('a member that left is still on the roster, will try again', { error: errorText(error) });
  }
}

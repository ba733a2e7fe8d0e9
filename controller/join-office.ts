import { z } from 'zod';
import { isDnsLabel, parseClusterId } from '../federation/model/ids.ts';
import type { Clock } from '../runtime/clock.ts';
import { IsthmusError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Random } from '../runtime/random.ts';
import { fingerprint } from '../trust/certificates.ts';
import { Journal } from '../trust/journal.ts';
import type { Routes } from './admin/routes.ts';
import type { Controller } from './controller.ts';
import { JoinDesk } from './join-desk.ts';

/** The authority's part of a controller: journal, join desk, and the admin route by which `isthmus token create` asks. */
export interface JoinOffice {
  readonly routes: Routes;
  close(): Promise<void>;
}

/** Hints make it quick; this makes it certain. */
const LOOK_EVERY_MS = 1_000;
const TOKEN_LIFETIME_MS_MAX = 24 * 60 * 60 * 1000;

const orderSchema = z.strictObject({
  cluster: z.string().refine(isDnsLabel, { error: 'not a DNS label' }),
  lifetimeMs: z.coerce.number().int().min(1_000).max(TOKEN_LIFETIME_MS_MAX).optional(),
});

export async function openJoinOffice(
  components: { clock: Clock; random: Random; log: Logger; controller: Controller },
  init: { readonly storeUrl: string },
): Promise<JoinOffice> {
  const { controller, clock, log } = components;
  const { rootKey, roots } = controller.trust;
  const [rootCertificate] = roots;
  if (rootKey === undefined || rootCertificate === undefined) {
    throw new IsthmusError('no-root-key', 'this controller is the authority and has no root key');
  }
  const journal = await Journal.open(controller.folder.journal);
  if (journal.tornBytes > 0)
    log.warn('the journal ended in a torn line, which was cut off', { bytes: journal.tornBytes });
  const desk = new JoinDesk(
    { ...components, store: controller.store, journal, rootKey, rootCertificate },
    {
      roster: () => controller.engine.world.roster,
      onRoster: (_, bytes) => controller.adoptRoster(bytes),
    },
  );
  const stop = new AbortController();
  const watching = watchBoard(desk, controller, stop.signal);
  const looking = lookRegularly(desk, clock, stop.signal);
  return {
    routes: {
      '/v1/tokens': {
        surfaces: ['socket'],
        method: 'POST',
        answer: async (query) => {
          const order = orderSchema.safeParse(Object.fromEntries(query));
          if (!order.success)
            return { status: 400, type: 'text/plain; charset=utf-8', body: z.prettifyError(order.error) };
          const token = await desk.makeToken({
            cluster: parseClusterId(order.data.cluster),
            store: init.storeUrl,
            rootFingerprint: fingerprint(rootCertificate),
            lifetimeMs: order.data.lifetimeMs,
          });
          const made = { token: token.reveal(), cluster: token.cluster, expiresAtMs: token.expiresAtMs };
          return { status: 201, type: 'application/json', body: JSON.stringify(made) };
        },
      },
    },
    close: async () => {
      stop.abort(new IsthmusError('closed', 'the join office closes'));
      await Promise.all([watching, looking]);
      await journal[Symbol.asyncDispose]();
    },
  };
}

async function watchBoard(desk: JoinDesk, controller: Controller, signal: AbortSignal): Promise<void> {
  for await (const hint of controller.store.watch(signal)) {
    if (hint.kind === 'join' || hint.kind === 'gap') await desk.look();
  }
}

async function lookRegularly(desk: JoinDesk, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await desk.look();
    await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
  }
}

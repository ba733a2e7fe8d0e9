import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Topology } from '../../topologies/schema.ts';
import { removeDeadLabs } from './directory.ts';
import type { Lab } from './lab.ts';
import { LoopbackLab } from './loopback-lab.ts';
import { NamespaceLab, namespacesRefused, removeDeadNamespaces } from './namespace-lab.ts';

/** What a person sees when the terminal sends it: 128 + the signal's number, as a shell reports it. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

export interface OpenedLab {
  readonly lab: Lab;
  /** Why sites share the loopback network, or undefined when each has its own. */
  readonly reduced: string | undefined;
}

/** Cleans up after crashed runs, then builds the best lab that this machine and user allow. */
export async function openLab(
  components: { clock: Clock; log: Logger },
  init: { readonly topology: Topology; readonly prefer?: Lab['kind'] },
): Promise<OpenedLab> {
  const refused = init.prefer === 'loopback' ? 'asked for' : namespacesRefused(components);
  cleanUpAfterCrashes(components);
  const lab = refused === undefined ? new NamespaceLab(components, init) : new LoopbackLab(components, init);
  try {
    await lab.create();
  } catch (error) {
    await lab.destroy();
    throw error;
  }
  return { lab, reduced: refused };
}

/** Ends what crashed runs of this user left: programs first, a namespace lives as long as they do. */
export function cleanUpAfterCrashes(components: { log: Logger }): readonly string[] {
  const removed = [...removeDeadLabs()];
  if (process.getuid?.() === 0) removed.push(...removeDeadNamespaces(components));
  for (const name of removed) components.log.info('removed what a crashed run left', { name });
  return removed;
}

/**
 * Ctrl-C, `kill` or a closed terminal destroy the lab and end the process. Returns a function that stops listening.
 * `before` may print a line; a second signal while it runs changes nothing.
 */
export function destroyOnSignals(
  lab: Lab,
  before: (signal: keyof typeof EXIT_CODES) => void = () => undefined,
): () => void {
  let leaving = false;
  const listeners = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) => {
    const listener = (): void => {
      if (leaving) return;
      leaving = true;
      before(signal);
      void lab.destroy().finally(() => process.exit(EXIT_CODES[signal]));
    };
    process.on(signal, listener);
    return { signal, listener };
  });
  return () => {
    for (const { signal, listener } of listeners) process.removeListener(signal, listener);
  };
}

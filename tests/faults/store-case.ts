/**
 * A fault of the store: what is broken, what must hold meanwhile, and how it is mended. Around that every case is the same:
 * three sites that agree on a running store, then the fault, then within 10 s agreement again about news from each of
 * them, and a history without a broken invariant.
 */
import type { ClusterId } from '../../federation/model/ids.ts';
import { checkHistory, violationsOf } from '../history/check.ts';
import { Deployment, type DeploymentInit } from './deployment.ts';
import { ExpectationError } from './eventually.ts';
import { Federation, HEALED_WITHIN_MS } from './federation.ts';
import { type Links, openLinks } from './links.ts';
import type { FaultCase, Stage } from './suite.ts';

export interface Scene {
  readonly stage: Stage;
  readonly servers: Deployment;
  readonly federation: Federation;
  /** Of a case with `stores: 2`: the one that comes second in every site's list. */
  readonly second: Deployment | undefined;
  /** Of a case that is `linked`. */
  readonly links: Links;
}

export interface StoreCase extends Omit<FaultCase, 'run'> {
  readonly servers?: DeploymentInit;
  /** 2: every site lists a second store of the same layout. */
  readonly stores?: 2;
  /** `every-site`: each reaches the store through a `Link` of its own. Only for servers that stand alone. */
  readonly linked?: 'every-site';
  readonly inject: (scene: Scene) => Promise<void>;
  /** What must hold while the fault lasts. */
  readonly expect: (scene: Scene) => Promise<void>;
  /** Absent: the fault is over by itself. */
  readonly heal?: (scene: Scene) => Promise<void>;
  /** What must hold besides the agreement when it is over. */
  readonly after?: (scene: Scene) => Promise<void>;
  /** Time for agreement after `heal`, where a documented period of retrying comes on top. Default 10 s. */
  readonly healedWithinMs?: number;
}

export function storeCase(init: StoreCase): FaultCase {
  const { name, row, layouts, alert } = init;
  return { name, row, layouts, alert, run: (stage) => runStoreCase(init, stage) };
}

async function runStoreCase(init: StoreCase, stage: Stage): Promise<void> {
  const servers = await Deployment.start(stage, init.servers);
  const links: Links = init.linked === undefined ? new Map() : await openLinks(stage, servers);
  const second = init.stores === 2 ? await Deployment.start(stage, init.servers) : undefined;
  const storesOf = (cluster: ClusterId): readonly string[] => {
    return [urlOf({ servers, links }, cluster), ...(second === undefined ? [] : [second.urlOf(cluster)])];
  };
  const federation = await Federation.start(stage, { storesOf });
  const scene: Scene = { stage, servers, second, federation, links };
  const { recorder } = federation;
  const fault = { kind: 'fault', name: init.name, plane: 'control' } as const;
  recorder.record({ ...fault, state: 'begun' });
  await init.inject(scene);
  await init.expect(scene);
  await init.heal?.(scene);
  recorder.record({ ...fault, state: 'ended' });
  recorder.record({ kind: 'healed' });
  const healedMs = await untilAgreed(scene, init.healedWithinMs ?? HEALED_WITHIN_MS);
  stage.note(`equal after ${(healedMs / 1000).toFixed(1)} s`);
  await init.after?.(scene);
  judge(scene);
}

function urlOf({ servers, links }: Pick<Scene, 'servers' | 'links'>, cluster: ClusterId): string {
  const link = links.get(cluster);
  return link === undefined ? servers.urlOf(cluster) : servers.urlAt(`redis://127.0.0.1:${link.port}`, cluster);
}

/** Each site has news for the others: what was published before the fault would prove nothing. */
async function untilAgreed({ federation }: Scene, limitMs: number): Promise<number> {
  for (const site of federation.running) await federation.change(site);
  return federation.untilEqual(limitMs, 'every site to see the news of the others after the fault');
}

function judge({ federation, stage }: Scene): void {
  const checked = checkHistory(federation.recorder.history);
  const violations = violationsOf(checked);
  if (violations.length > 0) throw new ExpectationError(violations.slice(0, 5).join('; '));
  const held = checked.filter(({ judgement }) => judgement.kind === 'held').map(({ invariant }) => invariant.id);
  stage.note(`${held.join(' ')} held`);
}

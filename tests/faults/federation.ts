/** Three sites over one store, and the questions that every case asks of them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterId } from '../../federation/model/ids.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { createLogger, silentLogger } from '../../runtime/log.ts';
import { Recorder } from '../history/recorder.ts';
import { CLUSTERS, TestClusterset } from './clusterset.ts';
import { rosterFacts } from './observer.ts';
import { Site } from './site.ts';
import type { Stage } from './suite.ts';
import { eventually } from './eventually.ts';

export interface FederationInit {
  /** The stores of each site. */
  readonly storesOf: (cluster: ClusterId) => readonly string[];
}

/** FAULTS, I4: after healing everything is equal within this on a LAN. */
export const HEALED_WITHIN_MS = 10_000;
const START_LIMIT_MS = 30_000;

export class Federation {
  readonly recorder: Recorder;
  readonly clock: SystemClock;
  readonly east: Site;
  readonly west: Site;
  readonly edge: Site;
  readonly clusterset: TestClusterset;

  private constructor(parts: { clock: SystemClock; recorder: Recorder; clusterset: TestClusterset; sites: Site[] }) {
    this.clock = parts.clock;
    this.recorder = parts.recorder;
    this.clusterset = parts.clusterset;
    const [east, west, edge] = parts.sites;
    if (east === undefined || west === undefined || edge === undefined) throw new Error('a site is missing');
    this.east = east;
    this.west = west;
    this.edge = edge;
  }

  /** Enrolled, not started. Owned by the stage. */
  static async enrol(stage: Stage, init: FederationInit): Promise<Federation> {
    const directory = await mkdtemp(join(tmpdir(), 'isthmus-sites-'));
    stage.owned.defer(() => rm(directory, { recursive: true, force: true }));
    const clock = new SystemClock();
    const log = process.env['FAULT_LOG'] === undefined ? silentLogger : createLogger({ level: 'debug', base: {} });
    const recorder = new Recorder({ clock });
    const clusterset = new TestClusterset(clock.epochMs());
    const { version } = clusterset.roster;
    recorder.record({ kind: 'rosterSigned', version, digest: rosterFacts(clusterset.roster).digest });
    const sites: Site[] = [];
    for (const cluster of CLUSTERS) {
      const site = new Site({ clock, log, recorder }, { cluster, directory, stores: init.storesOf(cluster) });
      await clusterset.enrol(cluster, site.stateDir);
      sites.push(stage.owned.use(site));
    }
    return new Federation({ clock, recorder, clusterset, sites });
  }

  /** Enrolled, started, and each sees what the others have. */
  static async start(stage: Stage, init: FederationInit): Promise<Federation> {
    const federation = await Federation.enrol(stage, init);
    await Promise.all(federation.sites.map((site) => site.start()));
    await federation.untilEqual(START_LIMIT_MS);
    await federation.untilLive();
    return federation;
  }

  get sites(): readonly Site[] {
    return [this.east, this.west, this.edge];
  }

  get running(): readonly Site[] {
    return this.sites.filter((site) => site.isRunning);
  }

  /** A number of endpoints that this site never had before. */
  async change(site: Site): Promise<number> {
    const next = site.ready + 1;
    await site.want(next);
    return next;
  }

  /** Every running site sees of every other what that one wants. @returns how long it took, ms */
  async untilEqual(limitMs = HEALED_WITHIN_MS, what = 'every site to see what the others have'): Promise<number> {
    const beganMs = this.clock.monotonicMs();
    await eventually(what, limitMs, () => this.differences());
    return this.clock.monotonicMs() - beganMs;
  }

  /** A first head is no sign of life: only from its second on does a site know the age of another's news. */
  async untilLive(): Promise<void> {
    await eventually('every site to call the others live', START_LIMIT_MS, () =>
      this.running.flatMap((reader) =>
        this.running
          .filter((peer) => peer !== reader && reader.verdictOf(peer.cluster) !== 'Live')
          .map((peer) => `${reader.cluster} calls ${peer.cluster} ${reader.verdictOf(peer.cluster) ?? 'nothing'}`),
      ),
    );
  }

  /** What some site does not see as it is; empty when all are equal. */
  differences(): readonly string[] {
    return this.running.flatMap((reader) =>
      this.running
        .filter((origin) => origin !== reader && reader.sees.get(origin.cluster) !== origin.ready)
        .map(
          (origin) =>
            `${reader.cluster} sees ${reader.sees.get(origin.cluster) ?? 'nothing'} of ${origin.cluster}, not ${origin.ready}`,
        ),
    );
  }
}

/**
 * The controller of a site as `isthmus controller` runs it, in a process of its own, which notes its steps on standard
 * output: `node bench/propagation/traced-controller.ts STATE-DIR`. The steps are listened to at the seams between its
 * parts, so that the product carries nothing for this bench.
 */
import { Controller } from '../../controller/controller.ts';
import { loadConfig } from '../../controller/config/load.ts';
import { stateFolder } from '../../controller/state-folder.ts';
import { Marks } from '../../federation/sync/marks.ts';
import { openStore } from '../../federation/store/open.ts';
import { EMPTY_SNAPSHOT } from '../../gateway-config/snapshot.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { createLogger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { SystemRandom } from '../../runtime/random.ts';
import { acknowledgedBy, changedBetween } from './programmed.ts';
import { type Note, stampMs } from './trace.ts';
import { TracedStore } from './traced-store.ts';

function note(what: Note): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

/** The marks of a controller are made inside it; there is one such object in this process. */
function listenToMarks(): void {
  // oxlint-disable-next-line typescript/unbound-method -- called below with its own `this`
  const advance = Marks.prototype.advance;
  Marks.prototype.advance = function (cluster, mark): Promise<void> {
    note({ is: 'accepted', atMs: stampMs(), cluster });
    return advance.call(this, cluster, mark);
  };
}

function listenToEngine({ engine }: Controller): void {
  const update = engine.update.bind(engine);
  engine.update = (part) => {
    const atMs = stampMs();
    if (part.local !== undefined) note({ is: 'source', atMs });
    for (const [cluster, view] of part.views ?? []) {
      if (view !== engine.world.views.get(cluster)) note({ is: 'view', atMs, cluster });
    }
    update(part);
  };
}

function listenToGateways({ xds }: Controller): void {
  let last = EMPTY_SNAPSHOT;
  const setSnapshot = xds.setSnapshot.bind(xds);
  xds.setSnapshot = (snapshot) => {
    const atMs = stampMs();
    setSnapshot(snapshot);
    const changed = changedBetween(last, snapshot);
    last = snapshot;
    if (changed.length > 0) note({ is: 'snapshot', atMs, changed });
  };
  xds.ledger.observe((event) => {
    const atMs = stampMs();
    const versions = acknowledgedBy(event);
    if (versions.length > 0) note({ is: 'acknowledged', atMs, versions });
  });
}

function listenToWriter({ writer }: Controller): void {
  const publish = writer.publish.bind(writer);
  writer.publish = (records, urgency) => {
    note({ is: 'derived', atMs: stampMs() });
    publish(records, urgency);
  };
}

const stateDir = process.argv[2] ?? '';
const loaded = await loadConfig({ file: stateFolder(stateDir).site, env: {}, flags: {} });
if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join('; '));
const { config } = loaded;
const log = createLogger({ level: config.logLevel, base: { component: 'controller', cluster: config.cluster } });
const components = { clock: new SystemClock(), random: new SystemRandom(), log, metrics: new Metrics() };
listenToMarks();
const controller = await Controller.start(config, {
  ...components,
  lookup: () => Promise.resolve([]),
  openStore: async (url, signing) => {
    const identity = { kind: 'member', cluster: config.cluster, svid: () => signing.current } as const;
    return new TracedStore(await openStore(url, { ...components, identity }), note);
  },
});
listenToEngine(controller);
listenToGateways(controller);
listenToWriter(controller);
note({ is: 'ready', atMs: stampMs() });

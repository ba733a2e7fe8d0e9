/**
 * The controller of a site as `isthmus controller` runs it, in a process of its own, which notes its steps on standard
 * output: `node bench/propagation/traced-controller.ts STATE-DIR`.
 */
import { Controller } from '../../controller/controller.ts';
import { loadConfig } from '../../controller/config/load.ts';
import { stateFolder } from '../../controller/state-folder.ts';
import { openStore } from '../../federation/store/open.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { createLogger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { SystemRandom } from '../../runtime/random.ts';
import { listenTo, listenToMarks } from './listen.ts';
import { type Note, stampMs } from './trace.ts';
import { TracedStore } from './traced-store.ts';

function note(what: Note): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

const stateDir = process.argv[2] ?? '';
const loaded = await loadConfig({ file: stateFolder(stateDir).site, env: {}, flags: {} });
if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join('; '));
const { config } = loaded;
const log = createLogger({ level: config.logLevel, base: { component: 'controller', cluster: config.cluster } });
const components = { clock: new SystemClock(), random: new SystemRandom(), log, metrics: new Metrics() };
listenToMarks(note);
const controller = await Controller.start(config, {
  ...components,
  lookup: () => Promise.resolve([]),
  openStore: async (url, signing) => {
    const identity = { kind: 'member', cluster: config.cluster, svid: () => signing.current } as const;
    return new TracedStore(await openStore(url, { ...components, identity }), note);
  },
});
listenTo(controller, note);
note({ is: 'ready', atMs: stampMs() });

/** Owns a lab, for tests that interrupt or kill the owner: `node lab-owner.ts wait|crash namespaces|loopback`. */
import { destroyOnSignals, openLab } from '../demo/lab/open.ts';
import { SystemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { loadNamedTopology } from '../topologies/load.ts';

const [how, kind] = process.argv.slice(2);
const clock = new SystemClock();
const { lab } = await openLab(
  { clock, log: silentLogger },
  { topology: await loadNamedTopology('no-kube-3'), prefer: kind === 'loopback' ? 'loopback' : 'namespaces' },
);
destroyOnSignals(lab);
const sleeper = lab.spawn('east/gateway', 'sh', ['-c', 'echo asleep; exec sleep 1000'], { name: 'sleeper' });
await sleeper.untilLogged(/asleep/, 20_000);
process.stdout.write(`${lab.directory}\n`, () => {
  if (how === 'crash') process.kill(process.pid, 'SIGKILL');
});

import { SystemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { SystemRandom } from '../../runtime/random.ts';

/** The rim of what the bench runs itself; what is measured has its own. */
export function benchComponents() {
  return { clock: new SystemClock(), random: new SystemRandom(), log: silentLogger, metrics: new Metrics() };
}

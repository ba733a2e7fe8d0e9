/**
 * One application process of the demo:
 *
 *     node demo/services/service.ts --name east-1 --http 10.0.0.10:8080 --tcp 10.0.0.10:9000 --h2c 10.0.0.10:8081
 *
 * Prints `ready NAME http=PORT tcp=PORT h2c=PORT` once it listens on all that were asked for, and runs until it is killed.
 */
import { parseArgs } from 'node:util';
import { SystemClock } from '../../runtime/clock.ts';
import { errorText, IsthmusError } from '../../runtime/errors.ts';
import { Counts } from './counts.ts';
import { createH2cService } from './h2c-service.ts';
import { createHttpService } from './http-service.ts';
import { listen, parseEndpoint } from './listen.ts';
import { createTcpService } from './tcp-service.ts';

const { values } = parseArgs({
  options: {
    name: { type: 'string' },
    http: { type: 'string' },
    tcp: { type: 'string' },
    h2c: { type: 'string' },
  },
});

try {
  const { name } = values;
  if (name === undefined) throw new IsthmusError('usage', 'usage: --name NAME [--http|--tcp|--h2c ADDRESS:PORT]');
  const counts = new Counts();
  const ready = [`ready ${name}`];
  if (values.http !== undefined) {
    const server = createHttpService({ clock: new SystemClock(), counts }, { name });
    ready.push(`http=${await listen(server, parseEndpoint(values.http))}`);
  }
  if (values.tcp !== undefined) {
    ready.push(`tcp=${await listen(createTcpService({ counts }, { name }), parseEndpoint(values.tcp))}`);
  }
  if (values.h2c !== undefined) {
    ready.push(`h2c=${await listen(createH2cService({ counts }, { name }), parseEndpoint(values.h2c))}`);
  }
  process.stdout.write(`${ready.join(' ')}\n`);
} catch (error) {
  process.stderr.write(`service: ${errorText(error)}\n`);
  process.exitCode = 1;
}

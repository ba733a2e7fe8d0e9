/**
 * The load generator as a process.
 *
 *     node demo/load/load.ts --target http://10.0.0.1:20001/ --target tcp://10.0.0.1:20002 --rate 300 --seconds 10
 *
 * Every target becomes a stream of its own at `--rate`. Reports are JSON lines on stdout (protocol.ts). Without
 * `--seconds` it obeys commands on stdin and ends with it.
 */
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { SystemClock } from '../../runtime/clock.ts';
import { errorText, IsthmusError } from '../../runtime/errors.ts';
import { Generator } from './generator.ts';
import { commandSchema, type Report } from './protocol.ts';
import { type Stream, streamSchema } from './target.ts';

const clock = new SystemClock();
const report = (message: Report): void => void process.stdout.write(`${JSON.stringify(message)}\n`);
const generator = new Generator({ clock }, { report });
let stopping = false;
/** Loading the program is no part of what the load costs. */
let readyMs = 0;
let readyCpu = process.cpuUsage();

try {
  const { values } = parseArgs({
    options: {
      target: { type: 'string', multiple: true, default: [] },
      rate: { type: 'string', default: '100' },
      connections: { type: 'string', default: 'pooled' },
      seconds: { type: 'string' },
    },
  });
  const streams = values.target.map((url, index) => streamOf(url, index, values));
  readyMs = clock.monotonicMs();
  readyCpu = process.cpuUsage();
  report({ is: 'ready', atMs: readyMs });
  for (const stream of streams) await generator.run({ do: 'start', stream });
  if (values.seconds === undefined) obey();
  else clock.after(Number(values.seconds) * 1000, () => void stop());
  process.once('SIGTERM', () => void stop());
  process.once('SIGINT', () => void stop());
} catch (error) {
  process.stderr.write(`load: ${errorText(error)}\n`);
  process.exitCode = 2;
}

function streamOf(url: string, index: number, values: { rate: string; connections: string }): Stream {
  const target = URL.parse(url);
  if (target === null) throw new IsthmusError('usage', `${JSON.stringify(url)} is not a URL`);
  return streamSchema.parse({
    name: `${target.protocol.replace(':', '')}-${index}`,
    kind: target.protocol.replace(':', ''),
    host: target.hostname.replace(/^\[|\]$/g, ''),
    port: Number(target.port || (target.protocol === 'http:' ? '80' : '')),
    path: target.pathname === '' ? '/' : target.pathname,
    ratePerSecond: Number(values.rate),
    connections: values.connections,
  });
}

function obey(): void {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => void obeyLine(line));
  // Whoever started us is gone, or done.
  lines.on('close', () => void stop());
}

async function obeyLine(line: string): Promise<void> {
  try {
    const command = commandSchema.parse(JSON.parse(line));
    if (command.do === 'stop') await stop();
    else await generator.run(command);
  } catch (error) {
    report({ is: 'refused', message: errorText(error) });
  }
}

async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  await generator.stop();
  const { user, system } = process.cpuUsage(readyCpu);
  const cpuShare = (user + system) / 1000 / (clock.monotonicMs() - readyMs);
  // Exit only when the last line has left: whoever reads counts on it.
  process.stdout.write(
    `${JSON.stringify({ is: 'stopped', attempts: generator.attempts, cpuShare } satisfies Report)}\n`,
    () => process.exit(0),
  );
}

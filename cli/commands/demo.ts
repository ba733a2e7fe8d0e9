import type { Command } from 'commander';
import type { DemoReport } from '../../demo/report.ts';
import type { DemoInit } from '../../demo/run.ts';
import { EXIT, ExitError } from '../exit.ts';
import type { Io } from '../io.ts';

/** `isthmus demo` */
interface DemoOptions {
  readonly json?: boolean;
  readonly keep?: boolean;
  readonly loopback?: boolean;
}

export function register(program: Command, io: Io): void {
  program
    .command('demo')
    .description('show the main job on this machine: three sites, real gateways, load, failures')
    .option('--json', 'print the result as JSON')
    .option('--keep', 'leave the sites running afterwards and print where to call them')
    .option('--loopback', 'use loopback addresses even as root')
    .addHelpText('after', HELP)
    .action((options: DemoOptions) => demo(options, io));
}

const HELP = `
As root every site is a network of its own (network namespaces, identical addresses); otherwise sites share the loopback
network, and what cannot be shown there is listed as not shown. Exit code 0 only if every promise held.

Examples:
  isthmus demo
  isthmus demo --json | jq '.phases[] | {name, requests, failed, recoveryMs}'
  isthmus demo --keep`;

async function demo(options: DemoOptions, io: Io): Promise<void> {
  const { runDemo } = await import('../../demo/run.ts');
  const { reportText } = await import('../../demo/report.ts');
  const { SystemClock } = await import('../../runtime/clock.ts');
  const clock = new SystemClock();
  const startedMs = clock.monotonicMs();
  const progress = (text: string): void => {
    io.stderr.write(`${((clock.monotonicMs() - startedMs) / 1000).toFixed(1).padStart(6)} s  ${text}\n`);
  };
  const keep = options.keep === true ? await keeping(io) : undefined;
  const onReport = (made: DemoReport): void => {
    io.stdout.write(options.json === true ? `${JSON.stringify(made, undefined, 2)}\n` : reportText(made));
  };
  const prefer = options.loopback === true ? 'loopback' : undefined;
  const report = await runDemo({ clock }, { progress, onReport, keep, prefer });
  if (!report.ok) throw new ExitError(EXIT.failure);
}

async function keeping(io: Io): Promise<NonNullable<DemoInit['keep']>> {
  const { addressesText } = await import('../../demo/addresses.ts');
  return {
    signal: io.stopSignal(),
    onReady: async (federation) => void io.stderr.write(await addressesText(federation)),
  };
}

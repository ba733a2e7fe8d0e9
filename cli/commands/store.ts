import type { Command } from 'commander';
import { UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { registerAcl } from './store-acl.ts';
import { registerCheck } from './store-check.ts';
import { registerDump } from './store-dump.ts';

/** `isthmus store serve`; the other store commands have files of their own. */
interface ServeOptions {
  readonly stateDir: string;
  readonly listen: string;
  readonly advertise?: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

export function register(program: Command, io: Io): void {
  const store = program.command('store').description('the shared store of a clusterset');
  store
    .command('serve')
    .description('run a store server for sites that share no other store')
    .option('--state-dir <dir>', 'folder for its key and database', '/var/lib/isthmus-store')
    .option('--listen <host:port>', 'where to listen', '0.0.0.0:15090')
    .option('--advertise <host>', 'host name or address that clients use; default: as listened')
    .option('--log-level <level>', 'debug, info, warn, error or silent', 'info')
    .addHelpText('after', HELP)
    .action((options: ServeOptions) => serve(options, io));
  registerAcl(store, io);
  registerDump(store, io);
  registerCheck(store, io);
}

const HELP = `
Prints one line, the link for \`isthmus init --store LINK\`. The first start's link has a claim secret: whoever uses it
first names the clusterset's root. The server needs no trust: what it serves is signed and verified by the members.

Examples:
  isthmus store serve --advertise 203.0.113.9
  isthmus store serve --state-dir ./store --listen 127.0.0.1:0`;

async function serve(options: ServeOptions, io: Io): Promise<void> {
  const { parseListenAddress } = await import('../../controller/config/site-fields.ts');
  const address = parseListenAddress(options.listen);
  if (address === undefined) throw new UsageError(`--listen ${options.listen} is not HOST:PORT`);
  const { serveStore } = await import('../../federation/store/serve.ts');
  const { SystemClock } = await import('../../runtime/clock.ts');
  const { createLogger } = await import('../../runtime/log.ts');
  const { Metrics } = await import('../../runtime/metrics.ts');
  const { SystemRandom } = await import('../../runtime/random.ts');
  const { untilAborted } = await import('../../runtime/until-aborted.ts');
  const { preparePrivateFolder } = await import('../../trust/private-file.ts');
  const log = createLogger({ level: options.logLevel, base: { component: 'store' } });
  await preparePrivateFolder(options.stateDir);
  const served = await serveStore(
    {
      stateDir: options.stateDir,
      listen: { address: address.host, port: address.port },
      advertise: options.advertise === undefined ? undefined : { host: options.advertise },
    },
    { clock: new SystemClock(), random: new SystemRandom(), metrics: new Metrics(), log },
  );
  io.stdout.write(`${served.link}\n`);
  const signal = io.stopSignal();
  await untilAborted(signal);
  await served.close();
}

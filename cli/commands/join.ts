import type { Command } from 'commander';
import { errorText } from '../../runtime/errors.ts';
import { UsageError } from '../exit.ts';
import { addEnrolOptions, type EnrolOptions, newSite } from '../enrol-options.ts';
import type { Io } from '../io.ts';

/** `isthmus join` */
interface JoinOptions extends EnrolOptions {
  readonly token?: string;
  readonly tokenFile?: string;
}

export function register(program: Command, io: Io): void {
  const command = program
    .command('join')
    .description('join a clusterset with a token from its authority, and make this site')
    .option('--token <token>', 'the token; other users of this machine can see it while the command runs')
    .option('--token-file <file>', 'file with the token, or - for standard input')
    .addHelpText('after', HELP);
  addEnrolOptions(command).action((options: JoinOptions) => joinClusterset(options, io));
}

const HELP = `
The name of this cluster is in the token. Its CA key is made here and never leaves the state folder. A join that was
interrupted goes on when the same command is run again.

Examples:
  isthmus join --token-file token --gateway-address 198.51.100.7 --services ./services --up
  isthmus token create --cluster west | ssh west 'isthmus join --token-file - --gateway-address 198.51.100.7'`;

async function joinClusterset(options: JoinOptions, io: Io): Promise<void> {
  const { parseToken } = await import('../../trust/token.ts');
  const token = parseToken(await tokenText(options));
  if (!token.ok) throw new UsageError(token.message, 'make one on the authority: isthmus token create --cluster NAME');
  const { cluster, clustersetDomain, store } = token.value;
  const { joinSite } = await import('../enrol.ts');
  const facts = { cluster, clusterset: clustersetDomain, store, authority: false, dev: false };
  const site = newSite(options, facts, io);
  const { rosterVersion } = await joinSite(site, token.value, io);
  io.stderr.write(`cluster ${cluster} joined ${clustersetDomain} (roster version ${rosterVersion})\n`);
  if (options.up !== true) {
    io.stderr.write(`run it with: isthmus up --state-dir ${site.stateDir}\n`);
    return;
  }
  const { siteFrom } = await import('../config-options.ts');
  const { runSite } = await import('../supervised-site.ts');
  const up = { stateDir: site.stateDir };
  const config = await siteFrom(up, io);
  if (config !== undefined) await runSite(config, up, io);
}

async function tokenText({ token, tokenFile }: JoinOptions): Promise<string> {
  if (token !== undefined) return token;
  if (tokenFile === undefined) throw new UsageError('a token is needed', 'give --token or --token-file');
  if (tokenFile === '-') {
    const { text } = await import('node:stream/consumers');
    return text(process.stdin);
  }
  const { readFile } = await import('node:fs/promises');
  return readFile(tokenFile, 'utf8').catch((error: unknown) => {
    throw new UsageError(`--token-file ${tokenFile} cannot be read: ${errorText(error)}`);
  });
}

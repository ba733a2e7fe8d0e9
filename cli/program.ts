import { Command } from 'commander';
import { COMMANDS } from './commands.ts';
import type { Io } from './io.ts';

/** The whole command tree. Also read by the generator of `docs/reference/cli.md` and by `completion`. */
export function buildProgram(io: Io): Command {
  const program = new Command('isthmus')
    .description(
      'Isthmus links clusters and sites on different networks: services find each other by name, talk over mutual TLS ' +
        'through gateways, and fail over by themselves.',
    )
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .showHelpAfterError('(run it with --help to see what it takes)')
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHelpWidth: () => HELP_WIDTH,
      getErrHelpWidth: () => HELP_WIDTH,
    })
    .addHelpText('after', EXAMPLES)
    .exitOverride();
  for (const command of COMMANDS) command.register(program, io);
  return program;
}

/** Fixed, so that help is the same text in a terminal, a pipe and the reference. */
const HELP_WIDTH = 100;

const EXAMPLES = `
Examples:
  isthmus status                          how this site and its peers are
  isthmus get services                    what can be called from here, and who serves it
  isthmus config validate site.yaml       check files before a controller reads them

Exit codes: 0 ok, 1 failure, 2 wrong usage or input, 3 problems found, 130 interrupted.`;

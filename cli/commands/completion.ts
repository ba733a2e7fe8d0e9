import type { Command } from 'commander';
import { assertNever } from '../../runtime/errors.ts';
import { UsageError } from '../exit.ts';
import type { Io } from '../io.ts';

/** `isthmus completion bash|zsh|fish`: scripts generated from the command tree, so that they know every command and flag. */
const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

export function register(program: Command, io: Io): void {
  program
    .command('completion')
    .description('print a completion script for a shell')
    .argument('<shell>', SHELLS.join(', '))
    .addHelpText('after', HELP)
    .action((name: string) => {
      const shell = SHELLS.find((known) => known === name);
      if (shell === undefined)
        throw new UsageError(`unknown shell ${JSON.stringify(name)}`, `known: ${SHELLS.join(', ')}`);
      io.stdout.write(completionScript(program, shell));
    });
}

const HELP = `
Examples:
  source <(isthmus completion bash)
  isthmus completion fish > ~/.config/fish/completions/isthmus.fish`;

interface Words {
  /** Command words before, e.g. `get services`. */
  readonly path: string;
  readonly words: readonly string[];
}

function wordsOf(command: Command, path: readonly string[] = []): readonly Words[] {
  const inner = command.commands.flatMap((child) => wordsOf(child, [...path, child.name()]));
  const flags = command.options.flatMap((option) => option.long ?? []);
  const names = command.commands.map((child) => child.name());
  return [{ path: path.join(' '), words: [...names, ...flags, '--help'] }, ...inner];
}

function completionScript(program: Command, shell: Shell): string {
  const table = wordsOf(program);
  switch (shell) {
    case 'bash':
      return bashScript(table);
    case 'zsh':
      return `#compdef isthmus\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(table)}`;
    case 'fish':
      return fishScript(table);
    default:
      return assertNever(shell);
  }
}

/** The command words typed so far, without flags, choose the line of the table; an unknown path offers nothing. */
function bashScript(table: readonly Words[]): string {
  const cases = table.map(({ path, words }) => `    '${path}') words='${words.join(' ')}' ;;`);
  return [
    '_isthmus() {',
    '  local word path= words= current="${COMP_WORDS[COMP_CWORD]}"',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    '    case "$word" in -*) ;; *) path="${path:+$path }$word" ;; esac',
    '  done',
    '  case "$path" in',
    ...cases,
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '}',
    'complete -o default -F _isthmus isthmus',
    '',
  ].join('\n');
}

function fishScript(table: readonly Words[]): string {
  const lines = table.flatMap(({ path, words }) => {
    const condition =
      path === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${path.split(' ').at(-1) ?? ''}`;
    return words.map((word) => {
      const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-f -a ${word}`;
      return `complete -c isthmus -n '${condition}' ${what}`;
    });
  });
  return [...lines, ''].join('\n');
}

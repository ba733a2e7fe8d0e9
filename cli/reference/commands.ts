import type { Command } from 'commander';
import { PassThrough } from 'node:stream';
import type { Io } from '../io.ts';
import { buildProgram } from '../program.ts';

/** The help of every command, as `--help` prints it, for `docs/reference/cli.md`. */
export function commandHelp(): string {
  const stdout = new PassThrough();
  const io: Io = { stdout, stderr: stdout, env: {}, cwd: '/', stopSignal: () => new AbortController().signal };
  return helpOf(buildProgram(io), stdout).join('\n\n');
}

function helpOf(command: Command, stdout: PassThrough): readonly string[] {
  command.outputHelp();
  const text = String(stdout.read() ?? '');
  const title = fullName(command);
  const lines = text.split('\n').map((line) => line.trimEnd());
  const own = `### \`${title}\`\n\n\`\`\`text\n${lines.join('\n').trim()}\n\`\`\``;
  return [own, ...command.commands.flatMap((child) => helpOf(child, stdout))];
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

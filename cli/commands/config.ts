import type { Command } from 'commander';
import { EXIT, ExitError } from '../exit.ts';
import type { Io } from '../io.ts';
import { formatObject, outputOption } from '../output/format.ts';
import { writeFindings } from '../output/findings.ts';

/** `isthmus config validate|schema` */
export function register(program: Command, io: Io): void {
  const config = program.command('config').description('check and explain configuration files');
  config
    .command('validate')
    .description('check Site and Service files; nothing is started or changed')
    .argument('<file...>', 'YAML or JSON files')
    .addOption(outputOption(['table', 'json', 'yaml']))
    .addHelpText('after', VALIDATE_HELP)
    .action((files: readonly string[], options: { output: 'table' | 'json' | 'yaml' }) =>
      validate(files, options.output, io),
    );
  config
    .command('schema')
    .description('print the JSON Schema of a kind, for editors')
    .argument('<kind>', 'site or service')
    .action((kind: string) => schema(kind, io));
}

const VALIDATE_HELP = `
Each problem is one line: file:line: field: what is wrong (what to do). Exit code 2 when there is an error.

Examples:
  isthmus config validate site.yaml
  isthmus config validate site.yaml services/*.yaml
  isthmus config validate -o json site.yaml`;

async function validate(files: readonly string[], output: 'table' | 'json' | 'yaml', io: Io): Promise<void> {
  const { validateFiles } = await import('../../controller/config/validate-files.ts');
  const report = await validateFiles(files);
  const errors = report.findings.filter(({ severity }) => severity === 'error').length;
  if (output === 'table') {
    writeFindings(report.findings, io);
    const decisions = report.decisions === 0 ? '' : ` and ${count(report.decisions, 'decision')} about them`;
    const counted = `${count(report.sites, 'site')} and ${count(report.services, 'service')}${decisions}`;
    if (errors === 0) io.stdout.write(`ok: ${counted} in ${count(files.length, 'file')}\n`);
    else io.stderr.write(`${count(errors, 'problem')} in ${count(files.length, 'file')}\n`);
  } else {
    const object = { apiVersion: 'isthmus.dev/v1alpha1', kind: 'ValidationReport', valid: errors === 0, ...report };
    io.stdout.write(await formatObject(object, output));
  }
  if (errors > 0) throw new ExitError(EXIT.usage);
}

async function schema(kind: string, io: Io): Promise<void> {
  const { SCHEMA_KINDS, schemaOf } = await import('../../controller/config/json-schema.ts');
  const { UsageError } = await import('../exit.ts');
  // `ExportGrant` as well as `export-grant`.
  const plain = (word: string): string => word.toLowerCase().replaceAll('-', '');
  const known = SCHEMA_KINDS.find((one) => plain(one) === plain(kind));
  if (known === undefined)
    throw new UsageError(`unknown kind ${JSON.stringify(kind)}`, `known: ${SCHEMA_KINDS.join(', ')}`);
  io.stdout.write(await formatObject(schemaOf(known), 'json'));
}

function count(amount: number, what: string): string {
  return `${amount} ${what}${amount === 1 ? '' : 's'}`;
}

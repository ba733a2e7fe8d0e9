import { readFile } from 'node:fs/promises';
import { schemaOf } from '../../controller/config/json-schema.ts';
import { commandHelp } from './commands.ts';
import { fieldTable, settingsTable } from './fields.ts';
import { formatJson } from './json.ts';
import { withSections } from './sections.ts';

/** The generated files of `docs/reference`, as they must be now. A test compares, `generate.ts` writes. */
export const REFERENCE_FOLDER = new URL('../../docs/reference/', import.meta.url);

export async function referenceFiles(): Promise<ReadonlyMap<string, string>> {
  const page = (name: string): Promise<string> => readFile(new URL(name, REFERENCE_FOLDER), 'utf8');
  const fields = (kind: 'site' | 'service'): string => fieldTable(schemaOf(kind));
  const config = new Map([
    ['site', fields('site')],
    ['service', fields('service')],
    ['settings', settingsTable()],
  ]);
  return new Map([
    ['site.schema.json', `${formatJson(schemaOf('site'))}\n`],
    ['service.schema.json', `${formatJson(schemaOf('service'))}\n`],
    ['config.md', withSections(await page('config.md'), config)],
    ['cli.md', withSections(await page('cli.md'), new Map([['commands', commandHelp()]]))],
  ]);
}

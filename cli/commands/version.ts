import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { formatObject, outputOption } from '../output/format.ts';

/** `isthmus version` */
export function register(program: Command, io: Io): void {
  program
    .command('version')
    .description('show the version of this program')
    .addOption(outputOption(['table', 'json', 'yaml']))
    .action(async (options: { output: 'table' | 'json' | 'yaml' }) => {
      const { softwareVersion } = await import('../../controller/version.ts');
      const client = {
        version: softwareVersion(),
        node: process.version,
        platform: `${process.platform}/${process.arch}`,
      };
      if (options.output !== 'table') {
        const object = { apiVersion: 'isthmus.dev/v1alpha1', kind: 'Version', client };
        io.stdout.write(await formatObject(object, options.output));
        return;
      }
      io.stdout.write(`isthmus v${client.version} (node ${client.node}, ${client.platform})\n`);
    });
}

import type { Command } from 'commander';
import { askController, stateDirOption } from '../admin-client.ts';
import type { Io } from '../io.ts';
import { type Listed, type OutputFormat, outputOption, writeList } from '../output/format.ts';
import { CLUSTER_LIST, ENDPOINT_LIST, GATEWAY_LIST, type ListView, SERVICE_LIST, STORE_LIST } from './get-columns.ts';

/** `isthmus get clusters|services|gateways|endpoints|stores` */
interface GetOptions {
  readonly output: OutputFormat;
  readonly stateDir: string;
  readonly namespace?: string;
}

export function register(program: Command, io: Io): void {
  const get = program
    .command('get')
    .description('show what the controller of this site knows')
    .addHelpText('after', GET_HELP);
  add(get, 'clusters', 'members of the clusterset, as this site sees them', CLUSTER_LIST, io);
  add(get, 'services', 'services that can be called from here, and who serves them', SERVICE_LIST, io);
  add(get, 'gateways', 'gateways of all clusters, and whether they can be reached', GATEWAY_LIST, io);
  add(get, 'endpoints', 'where the calls of each service go, in order of failover', ENDPOINT_LIST, io);
  add(get, 'stores', 'stores of this site, and what each of them lacks', STORE_LIST, io);
}

const GET_HELP = `
Examples:
  isthmus get clusters
  isthmus get services -n shop -o wide
  isthmus get endpoints web              of the service web in every namespace
  isthmus get gateways -o json | jq '.items[].spec.addresses'`;

function add<Row extends ListRow>(get: Command, noun: string, about: string, view: ListView<Row>, io: Io): void {
  const command = get
    .command(noun)
    .alias(noun.slice(0, -1))
    .description(about)
    .argument('[name...]', 'show only those with this name')
    .addOption(outputOption())
    .addOption(stateDirOption());
  if (view.namespaced) command.option('-n, --namespace <namespace>', 'show only this namespace');
  command.action((names: readonly string[], options: GetOptions) => show(noun, view, names, options, io));
}

interface ListRow {
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

async function show<Row extends ListRow>(
  noun: string,
  view: ListView<Row>,
  names: readonly string[],
  options: GetOptions,
  io: Io,
): Promise<void> {
  const answer = await askController(options.stateDir, `/v1/${noun}`);
  // The controller is this program in another process; `version` tells when the two differ.
  const list = answer as { readonly items: readonly Row[] };
  const rows = list.items.filter(({ metadata }) => {
    const inNamespace = options.namespace === undefined || metadata.namespace === options.namespace;
    return inNamespace && (names.length === 0 || names.includes(metadata.name));
  });
  const listed: Listed<Row> = {
    object: { ...list, items: rows },
    rows,
    columns: view.columns,
    nameOf: (row) => `${noun.slice(0, -1)}/${view.nameOf(row)}`,
    nothing: `no ${noun} found`,
  };
  await writeList(listed, options.output, io);
}

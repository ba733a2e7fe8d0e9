import { type Command, Option } from 'commander';
import { stateDirOption } from '../admin-client.ts';
import { UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { formatObject, outputOption } from '../output/format.ts';

/** `isthmus store acl` */
interface AclOptions {
  readonly clusterset?: string;
  readonly cluster: readonly string[];
  readonly authority?: string;
  readonly userPrefix?: string;
  readonly sentinel?: true;
  readonly passwordSha256: readonly string[];
  readonly writePasswords?: string;
  readonly format: 'setuser' | 'aclfile';
  readonly stateDir: string;
  readonly output: 'table' | 'json' | 'yaml';
}

export function registerAcl(store: Command, io: Io): void {
  store
    .command('acl')
    .description('print least-privilege access rules for Redis or Valkey, one user for each cluster')
    .option('--clusterset <domain>', "DNS name of the clusterset; default: this site's")
    .option('--cluster <name>', "cluster that gets a user; may be repeated; default: the roster's members", collect, [])
    .option('--authority <name>', 'cluster that also writes roster and join board; default: this site, if it is it')
    .option('--user-prefix <text>', 'in front of every user name, for several clustersets on one server')
    .option('--sentinel', 'also the user that looks up the primary; its line is for the Sentinels alone')
    .option('--password-sha256 <user=hex>', 'hash of the password of a user; may be repeated', collect, [])
    .option('--write-passwords <dir>', 'make a password for each user, kept in DIR/USER.password for its owner alone')
    .addOption(
      new Option('--format <format>', 'commands for redis-cli, or lines for the aclfile of the server')
        .choices(['setuser', 'aclfile'])
        .default('setuser'),
    )
    .addOption(stateDirOption())
    .addOption(outputOption(['table', 'json', 'yaml']))
    .addHelpText('after', HELP)
    .action((options: AclOptions) => printAcl(options, io));
}

const HELP = `
Each cluster's user reads the whole clusterset and writes under its own name only. The authority's also writes roster and
join board, and the user isthmus_join, which comes with it and goes into join tokens, can do nothing but join. No user has
scripting, KEYS, SCAN or any administration. Passwords are never printed: the server gets their SHA-256.

Needs Redis 7.0 or Valkey 7.2, or later. In a Redis Cluster, and for replicas, each server needs the rules; they outlive
a restart of the server only after ACL SAVE, or in its aclfile.

Examples:
  isthmus store acl --clusterset prod.example.org --authority east --cluster west --write-passwords ./passwords | redis-cli -h redis.example.org
  isthmus store acl --cluster west --password-sha256 west=$(tr -d '\\n' < west.password | sha256sum | cut -d' ' -f1)
  isthmus store acl --format aclfile --write-passwords ./passwords > users.acl`;

async function printAcl(options: AclOptions, io: Io): Promise<void> {
  const { aclUsers } = await import('../../federation/store/redis/acl.ts');
  const { formatAcl } = await import('../../federation/store/redis/acl-format.ts');
  const init = await aclInit(options, io);
  const users = aclUsers(init);
  const hashes = await passwordHashes(
    options,
    users.map(({ name }) => name),
    io,
  );
  if (options.output === 'table') {
    io.stdout.write(formatAcl(users, hashes, options.format));
  } else {
    const listed = users.map((user) => ({ ...user, passwordSha256: hashes.get(user.name) }));
    const object = { apiVersion: 'isthmus.dev/v1alpha1', kind: 'StoreAcl', clusterset: init.clusterset, users: listed };
    io.stdout.write(await formatObject(object, options.output));
  }
  const seeker = users.find(({ role }) => role === 'sentinel');
  if (seeker !== undefined) {
    io.stderr.write(`the rules of ${seeker.name} are for each Sentinel alone: a server of data does not know them\n`);
  }
  const open = users.filter(({ name }) => !hashes.has(name)).map(({ name }) => name);
  if (open.length > 0) {
    io.stderr.write(`put the SHA-256 of the passwords in, or use --write-passwords: ${open.join(', ')}\n`);
  }
}

async function aclInit(options: AclOptions, io: Io) {
  const { readSiteView } = await import('../store/site-view.ts');
  const { parseClusterId } = await import('../../federation/model/ids.ts');
  // Beside flags that say everything, a state folder has nothing to add and may be another clusterset's.
  const site = options.clusterset === undefined ? await readSiteView(options.stateDir, io) : undefined;
  const clusterset = options.clusterset ?? site?.config?.clusterset;
  if (clusterset === undefined) {
    throw new UsageError('which clusterset? There is no site here to take it from', 'give --clusterset and --cluster');
  }
  const members = site?.roster?.members.filter(({ status }) => status !== 'removed').map(({ cluster }) => cluster);
  const clusters = options.cluster.length > 0 ? options.cluster.map(parseClusterId) : (members ?? []);
  const named = options.authority === undefined ? undefined : parseClusterId(options.authority);
  // With clusters given one by one, the authority's user and its password are left alone.
  const own = site?.config?.authority === true && options.cluster.length === 0 ? site.config.cluster : undefined;
  const authority = named ?? own;
  if (clusters.length === 0 && authority === undefined)
    throw new UsageError('no cluster to make a user for', 'give --cluster');
  return { clusterset, clusters, authority, userPrefix: options.userPrefix, sentinel: options.sentinel };
}

async function passwordHashes(
  options: AclOptions,
  users: readonly string[],
  io: Io,
): Promise<ReadonlyMap<string, string>> {
  const given = options.passwordSha256.map((text) => parseHash(text, users));
  if (options.writePasswords === undefined) return new Map(given);
  const { SystemRandom } = await import('../../runtime/random.ts');
  const { writePasswords } = await import('../store/passwords.ts');
  const named = new Set(given.map(([user]) => user));
  const written = await writePasswords(
    { random: new SystemRandom() },
    { folder: options.writePasswords, users: users.filter((user) => !named.has(user)) },
  );
  for (const path of written.made) io.stderr.write(`made ${path}\n`);
  return new Map([...written.hashes, ...given]);
}

function parseHash(text: string, users: readonly string[]): readonly [string, string] {
  const [, user = '', hash = ''] = /^([^=]+)=([0-9a-fA-F]{64})$/.exec(text) ?? [];
  if (!users.includes(user)) {
    throw new UsageError(
      '--password-sha256 is not USER=64 hex digits of one of the users',
      `users: ${users.join(', ')}`,
    );
  }
  return [user, hash.toLowerCase()];
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

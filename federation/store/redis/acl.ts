import { type ClusterId, compareText, isDnsName } from '../../model/ids.ts';
import { InvalidInputError } from '../../../runtime/errors.ts';

/**
 * Least-privilege users for a clusterset on Redis (7.0 or later) or Valkey (7.2 or later): what each may do is exactly
 * what `RedisStore` does in its role, proven by a test that counts the commands of the store's whole contract. Nothing is
 * denied by name, because nothing is granted by category: scripting, KEYS, SCAN, FLUSHALL, CONFIG and whatever a later
 * server adds are refused by not being in the list.
 */
export type AclRole = 'member' | 'authority' | 'join' | 'sentinel';

export interface AclUser {
  /** A cluster's name is its user's. */
  readonly name: string;
  readonly role: AclRole;
  readonly cluster?: ClusterId | undefined;
  /** As ACL SETUSER takes them, after `reset on #SHA256`. A selector `(...)` is one rule. */
  readonly rules: readonly string[];
}

export interface AclInit {
  /** DNS name. */
  readonly clusterset: string;
  readonly clusters: readonly ClusterId[];
  /** May write the roster and the join board; need not be among `clusters`. */
  readonly authority?: ClusterId | undefined;
  /** In front of every user's name, for several clustersets on one server. */
  readonly userPrefix?: string | undefined;
  /** Also the user for the Sentinels, which have ACLs of their own. */
  readonly sentinel?: true | undefined;
}

/** Neither can be a cluster's name: those are DNS labels. */
export const JOIN_USER = 'isthmus_join';
export const SENTINEL_USER = 'isthmus_sentinel';

/** AUTH, HELLO, QUIT and RESET need no right. Redis 7.0 takes no rule with a word that came later (CLIENT SETINFO). */
const CONNECTION = ['ping', 'client|setname', 'time'];
/** Where a database is named, where Sentinels name the primary, and in a Redis Cluster. */
const LAYOUT = ['select', 'role', 'cluster|slots'];
/** Which server and whose login it is, for `isthmus store check`. They read no data. */
const SERVER_FACTS = ['info', 'acl|whoami', 'cluster|info'];
const TRANSACTION = ['watch', 'unwatch', 'multi', 'exec'];
const NOTICES = ['publish', 'subscribe'];
const READ = ['getrange', 'hgetall', 'hlen', 'lrange', 'llen', 'memory|usage', 'smembers'];
const WRITE = ['set', 'del', 'hset', 'hdel', 'rpush', 'ltrim'];

export function aclUsers(init: AclInit): readonly AclUser[] {
  checkInit(init);
  const { clusterset, authority, userPrefix = '' } = init;
  const clusters = [...new Set(authority === undefined ? init.clusters : [authority, ...init.clusters])].sort(
    compareText,
  );
  const users: AclUser[] = clusters.map((cluster) => {
    const role = cluster === authority ? 'authority' : 'member';
    const more = role === 'authority' ? authorityRules(clusterset) : [];
    return { name: userPrefix + cluster, role, cluster, rules: [...memberRules(clusterset, cluster), ...more] };
  });
  if (authority !== undefined) {
    users.push({ name: userPrefix + JOIN_USER, role: 'join', rules: joinRules(clusterset) });
  }
  if (init.sentinel === true) {
    users.push({ name: userPrefix + SENTINEL_USER, role: 'sentinel', rules: sentinelRules() });
  }
  return users;
}

function memberRules(clusterset: string, cluster: ClusterId): readonly string[] {
  return [
    ...allow(CONNECTION, LAYOUT, SERVER_FACTS, TRANSACTION, NOTICES, READ, WRITE),
    `&${channelOf(clusterset)}`,
    `%R~isthmus:{${clusterset}}:roster`,
    `%R~isthmus:{${clusterset}}:clusters`,
    `%R~isthmus:{${clusterset}/*}:*`,
    `%RW~isthmus:{${clusterset}/${cluster}}:*`,
    // Into the index of clusters, and nothing out of it.
    `(+sadd %W~isthmus:{${clusterset}}:clusters)`,
  ];
}

function authorityRules(clusterset: string): readonly string[] {
  return [
    `%RW~isthmus:{${clusterset}}:roster`,
    `%RW~isthmus:{${clusterset}}:join:*`,
    `(+hget +hmget +hstrlen +pexpireat %RW~isthmus:{${clusterset}}:join:*)`,
    `(+sadd +srem %W~isthmus:{${clusterset}}:join:index)`,
  ];
}

/** One user for all tokens: what it can spoil are joins that are under way, never a member's data. */
function joinRules(clusterset: string): readonly string[] {
  return [
    ...allow(CONNECTION, LAYOUT, TRANSACTION, ['publish', 'getrange', 'hmget', 'hset']),
    `&${channelOf(clusterset)}`,
    `%R~isthmus:{${clusterset}}:roster`,
    `%RW~isthmus:{${clusterset}}:join:*`,
  ];
}

function sentinelRules(): readonly string[] {
  return allow(['ping', 'client|setname', 'sentinel|get-master-addr-by-name', 'sentinel|master']);
}

function allow(...groups: readonly (readonly string[])[]): readonly string[] {
  return groups.flat().map((command) => `+${command}`);
}

function channelOf(clusterset: string): string {
  return `isthmus:{${clusterset}}:notice`;
}

/** A pattern is made of these names: one with `*` in it would open what belongs to others. */
function checkInit({ clusterset, userPrefix = '' }: AclInit): void {
  if (!isDnsName(clusterset)) {
    throw invalid('clusterset', `${JSON.stringify(clusterset.slice(0, 80))} is not a DNS name`);
  }
  if (!/^[A-Za-z0-9._-]{0,64}$/.test(userPrefix)) {
    throw invalid('userPrefix', 'a prefix of user names has at most 64 letters, digits, dots, dashes and underscores');
  }
}

function invalid(field: string, message: string): InvalidInputError {
  return new InvalidInputError('access rules', [{ severity: 'error', reason: 'InvalidAcl', field, message }]);
}

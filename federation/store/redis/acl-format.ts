import type { AclUser } from './acl.ts';

/**
 * Access rules as text for the server: commands for `redis-cli`, or lines for its `aclfile`. A user whose password is
 * not known gets a word in its place that the server refuses, so that no user is ever made without a password.
 */
export type AclFormat = 'setuser' | 'aclfile';

/** User name -> hex sha256 of its password. */
export type PasswordHashes = ReadonlyMap<string, string>;

export function formatAcl(users: readonly AclUser[], hashes: PasswordHashes, format: AclFormat): string {
  return users.map((user) => `${lineOf(user, hashes, format)}\n`).join('');
}

/** What stands for a missing hash. */
export function hashPlaceholder(user: AclUser): string {
  return `SHA256-OF-THE-PASSWORD-OF-${user.name}`;
}

/** No quoting is needed anywhere: names are of a few characters, and servers put the words of a selector together. */
function lineOf(user: AclUser, hashes: PasswordHashes, format: AclFormat): string {
  const secret = `#${hashes.get(user.name) ?? hashPlaceholder(user)}`;
  const rules = user.rules.join(' ');
  switch (format) {
    case 'setuser':
      return `ACL SETUSER ${user.name} reset on ${secret} ${rules}`;
    case 'aclfile':
      return `user ${user.name} reset on ${secret} ${rules}`;
    default:
      return format satisfies never;
  }
}

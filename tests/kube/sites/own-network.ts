/**
 * Imported first by the tests of this folder: it puts the whole test, and everything that it starts, into a network of its
 * own, where all of 10.0.0.0/8 is this host. So each pod has an address of its own, as the API server wants it (it refuses
 * loopback addresses in slices), all ports are free, and no right is needed but that to a user namespace.
 */
import { execFileSync } from 'node:child_process';

const MARK = 'ISTHMUS_TEST_NETWORK';

if (process.env[MARK] === undefined) enter();
else if (process.env[MARK] === 'new') build();

/** The same process goes on as another program: whoever waits for its end or reads its output sees no difference. */
function enter(): void {
  const user = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  const node = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const unshare = '/usr/bin/unshare';
  process.execve?.(unshare, [unshare, ...user, '--net', '--', ...node], { ...process.env, [MARK]: 'new' });
}

function build(): void {
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  // On the loopback device a prefix is local as a whole.
  execFileSync('ip', ['address', 'add', '10.0.0.1/8', 'dev', 'lo']);
  process.env[MARK] = 'built';
}

// Completes package-lock.json after `npm install --package-lock-only` against a registry that does not serve the
// optional packages of other platforms: npm then leaves them out and `npm ci` refuses the lock file. Version comes from
// the dependent, os and cpu from the package's name; integrity is left to the registry of whoever is on that platform.
import { readFileSync, writeFileSync } from 'node:fs';

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
const systems = ['android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'aix', 'win32', 'wasm32'];
let added = 0;
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const own = `${path}/node_modules/${name}`;
    const top = `node_modules/${name}`;
    if (lock.packages[top] !== undefined || lock.packages[own] !== undefined) continue;
    const words = name.split('/').at(-1).split('-');
    const os = words.find((word) => systems.includes(word) || word === 'win32');
    const cpu = words.find((word) => /^(arm64|arm|armv7|x64|ia32|ppc64|riscv64|s390x|loong64|mips64el|aix|wasm32)$/.test(word));
    lock.packages[top] = {
      version: version.replace(/^[~^]/, ''),
      ...(cpu === undefined ? {} : { cpu: [cpu === 'armv7' ? 'arm' : cpu] }),
      dev: entry.dev === true,
      optional: true,
      os: [os === undefined || os === 'wasm32' ? 'none' : os],
    };
    added += 1;
  }
}
const packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync('package-lock.json', `${JSON.stringify({ ...lock, packages }, null, 2)}\n`);
console.log(`${added} optional packages of other platforms added`);

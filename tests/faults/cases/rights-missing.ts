import { WEST } from '../clusterset.ts';
import { keys } from '../deployment.ts';
import { kept } from '../kept.ts';
import { untilCounted } from '../looks.ts';
import { storeCase } from '../store-case.ts';

export const rightsMissing = storeCase({
  name: 'rights-missing',
  row: 'credentials changed (the right to write taken): reads go on, the refusal shows',
  layouts: ['alone'],
  alert: 'isthmus_store_auth_failed_total',
  inject: async ({ servers }) => {
    const prefix = keys.head(WEST).replace(/head$/, '*');
    for (const server of servers.servers) {
      const [rules] = [await server.cli('ACL', 'LIST')]
        .flat()
        .filter((line) => String(line).startsWith(`user ${WEST} `));
      const without = String(rules).replace(`~${prefix}`, `%R~${prefix}`).replace(`%RW~${prefix}`, `%R~${prefix}`);
      await server.cli('ACL', 'SETUSER', WEST, 'reset', ...wordsOf(without));
    }
  },
  expect: ({ federation }) =>
    kept(federation, async () => {
      await federation.change(federation.west);
      await untilCounted([federation.west], 'isthmus_store_auth_failed_total');
    }),
  heal: async ({ servers }) => {
    for (const server of servers.servers) await server.cli('ACL', 'LOAD');
  },
});

/** Of a line of ACL LIST, without `user NAME`. A selector in parentheses is one word. */
function wordsOf(line: string): string[] {
  return line.match(/\([^)]*\)|\S+/g)?.slice(2) ?? [];
}

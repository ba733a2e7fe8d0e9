/**
 * Changes to a cluster's Corefile, as text to text: either a server block that forwards `clusterset.local` to us, or the option
 * `multicluster` of the plugin `kubernetes`. What we put in is marked, found again by its mark, and all else stays as it is,
 * octet for octet. What somebody else says about the zone is left alone, and told.
 */
import { isIPv6 } from 'node:net';
import { ZONE_NAME } from './service-names.ts';

export type CorefileWish =
  | { readonly mode: 'forward'; readonly servers: readonly { readonly address: string; readonly port: number }[] }
  | { readonly mode: 'kubernetes-plugin' }
  /** Takes out what we put in. */
  | { readonly mode: 'none' };

export type CorefileOutcome =
  | { readonly kind: 'changed'; readonly text: string }
  | { readonly kind: 'unchanged' }
  /** `OthersBlock`: somebody else's block or option already answers the zone. `NoKubernetesPlugin`: nothing to give the option to. */
  | { readonly kind: 'refused'; readonly reason: 'OthersBlock' | 'NoKubernetesPlugin'; readonly message: string };

const BEGIN = '# begin isthmus: clusterset.local';
const END = '# end isthmus';
const OPTION_MARK = '# isthmus';
/** As long as a record lives, so that CoreDNS does not keep what we have given up. */
const CACHE_S = 5;
const BLOCK = new RegExp(`\\n?^${BEGIN}\\n(?:.*\\n)*?${END}\\n?`, 'gm');
const KUBERNETES_LINE = /^([ \t]*)kubernetes((?:[ \t]+[^\s{}#]+)*)[ \t]*(\{)?[ \t]*$/m;
const OPTION_LINE = new RegExp(
  `^[ \\t]*multicluster[ \\t]+${ZONE_NAME.replace('.', '\\.')}[ \\t]*${OPTION_MARK}[ \\t]*\\n`,
  'm',
);
const COMMENT = /(^|\s)#.*$/gm;
const ZONE_TOKEN = new RegExp(`(^|\\s)(dns://)?${ZONE_NAME.replace('.', '\\.')}\\.?(:\\d+)?(?=\\s|\\{|,|$)`, 'm');

export function patchCorefile(corefile: string, wish: CorefileWish): CorefileOutcome {
  const bare = withoutOurs(corefile);
  if (wish.mode === 'none') return outcome(corefile, bare);
  if (ZONE_TOKEN.test(bare.replaceAll(COMMENT, ''))) {
    const message = `the Corefile already says something about ${ZONE_NAME} that is not ours`;
    return { kind: 'refused', reason: 'OthersBlock', message };
  }
  if (wish.mode === 'forward') return outcome(corefile, withBlock(bare, wish.servers));
  const patched = withOption(bare);
  if (patched === undefined) {
    const message = 'no server block of the Corefile uses the plugin kubernetes';
    return { kind: 'refused', reason: 'NoKubernetesPlugin', message };
  }
  return outcome(corefile, patched);
}

function outcome(before: string, after: string): CorefileOutcome {
  return before === after ? { kind: 'unchanged' } : { kind: 'changed', text: after };
}

function withBlock(bare: string, servers: readonly { readonly address: string; readonly port: number }[]): string {
  const upstreams = servers.map(({ address, port }) =>
    isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`,
  );
  const lines = [
    BEGIN,
    `${ZONE_NAME}:53 {`,
    '    errors',
    `    cache ${CACHE_S}`,
    `    forward . ${upstreams.join(' ')}`,
    '}',
    END,
    '',
  ];
  return `${bare}${bare === '' || bare.endsWith('\n') ? '' : '\n'}${lines.join('\n')}`;
}

/** The plugin answers only zones that it is given, so the zone goes to its line and the option into its braces. */
function withOption(bare: string): string | undefined {
  const line = KUBERNETES_LINE.exec(bare);
  if (line === null) return undefined;
  const [whole, indent = '', zones = '', brace] = line;
  const option = `${indent}    multicluster ${ZONE_NAME} ${OPTION_MARK}\n`;
  const head = `${indent}kubernetes${zones} ${ZONE_NAME} {`;
  // Without braces they are ours too, and go again with the option.
  const patched =
    brace === undefined ? `${head} ${OPTION_MARK}\n${option}${indent}}` : `${head}\n${option.slice(0, -1)}`;
  return bare.slice(0, line.index) + patched + bare.slice(line.index + whole.length);
}

function withoutOurs(corefile: string): string {
  const text = corefile.replaceAll(BLOCK, (block) => (block.startsWith('\n') ? '\n' : ''));
  if (!OPTION_LINE.test(text)) return text;
  const braces = new RegExp(`^([ \\t]*kubernetes.*) ${ZONE_NAME} \\{ ${OPTION_MARK}\\n.*\\n[ \\t]*\\}`, 'm');
  if (braces.test(text)) return text.replace(braces, '$1');
  const head = new RegExp(`^([ \\t]*kubernetes.*) ${ZONE_NAME} \\{\\n(?=[ \\t]*multicluster)`, 'm');
  return text.replace(head, '$1 {\n').replace(OPTION_LINE, '');
}

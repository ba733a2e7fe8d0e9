import type { Federation } from './federation.ts';

/** What to play with when the demo is left running: a command for each site, ready to be pasted. */
export async function addressesText({ sites, lab }: Federation): Promise<string> {
  const lines: string[] = ['', 'The sites go on running; Ctrl-C ends them.'];
  for (const site of sites) {
    const { host, port } = await site.callAt('shop');
    const inside = lab.enter(`${site.name}/app`);
    lines.push(
      `  ${site.name}: ${inside === undefined ? '' : `${inside} `}curl http://${host}:${port}/`,
      `  ${' '.repeat(site.name.length)}  bin/isthmus status --state-dir ${site.stateDir}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

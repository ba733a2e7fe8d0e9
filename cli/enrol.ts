import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../controller/config/load.ts';
import { type FoundedClusterset, foundHere } from '../controller/enrol/found.ts';
import { forgetJoinRequests, joinHere } from '../controller/enrol/join.ts';
import { hasLogin, reachedFromHere } from '../controller/enrol/join-store.ts';
import { checkStoreAddress } from '../controller/enrol/store-files.ts';
import { type NewSite, siteDocument, writeSite } from '../controller/enrol/site-document.ts';
import { type StateFolder, stateFolder } from '../controller/state-folder.ts';
import { StateLock } from '../controller/state-lock.ts';
import { displayStoreUrl } from '../federation/store/display-url.ts';
import { openStore } from '../federation/store/open.ts';
import { formatStoreAddress, parseStoreAddress } from '../federation/store/remote/address.ts';
import { RemoteStore } from '../federation/store/remote/client.ts';
import { serveStore } from '../federation/store/serve.ts';
import { SystemClock } from '../runtime/clock.ts';
import { InvalidInputError, IsthmusError } from '../runtime/errors.ts';
import { createLogger } from '../runtime/log.ts';
import { Metrics } from '../runtime/metrics.ts';
import { SystemRandom } from '../runtime/random.ts';
import { preparePrivateFolder } from '../trust/private-file.ts';
import type { JoinToken } from '../trust/token.ts';
import type { Io } from './io.ts';

/** The work behind `init` and `join`: checked first, then done in an order that can be repeated after a crash. */
const clock = new SystemClock();
const random = new SystemRandom();
/** What fails is said once, by the command. */
const log = createLogger({ level: 'error', base: { component: 'enrol' } });
const components = { clock, random, log, metrics: new Metrics() };

/** Long enough for a person to notice that the authority is not running and to start it. */
const JOIN_WAIT_MS = 60_000;

/** The Site is validated before anything is made: a typing mistake must not cost a token or a root. */
export async function checkSite(site: NewSite): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-check-'));
  try {
    const file = join(folder, 'site.yaml');
    await writeFile(file, siteDocument(site));
    const loaded = await loadConfig({ file, env: {}, flags: {} });
    if (loaded.ok) return;
    throw new InvalidInputError('the site', loaded.findings.map(asFlag));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The reader gave flags, not a file. */
function asFlag<F extends { file?: string; line?: number }>(finding: F): Omit<F, 'file' | 'line'> {
  const { file: _file, line: _line, ...rest } = finding;
  return rest;
}

export interface Initialised {
  readonly founded: FoundedClusterset;
  /** As the site's own controller opens them. */
  readonly stores: readonly string[];
}

/** @param links stores to found the clusterset in; none: this site's own, served to the others by its controller */
export async function initSite(site: NewSite, links: readonly string[]): Promise<Initialised> {
  const folder = stateFolder(site.stateDir);
  await checkSite(site);
  for (const url of [...links, ...(site.joinStore === undefined ? [] : [site.joinStore])]) await checkStoreAddress(url);
  using _lock = await lockFolder(folder);
  const founded = await foundHere(
    { folder, random },
    { cluster: site.cluster, domain: site.clusterset, dev: site.dev, nowMs: clock.epochMs() },
  );
  const stores = links.length === 0 ? [await claimOwnStore(site, founded)] : [];
  for (const link of links) stores.push(await foundIn(link, site, founded));
  await writeSite(folder.site, { ...site, store: stores });
  return { founded, stores };
}

function foundIn(link: string, site: NewSite, founded: FoundedClusterset): Promise<string> {
  return link.startsWith('isthmus:') ? claimStore(link, site, founded) : putFirstRoster(link, site, founded);
}

/** The first roster of the clusterset. Shows at once whether the store can be reached and written. */
async function putFirstRoster(url: string, site: NewSite, { rosterBytes }: FoundedClusterset): Promise<string> {
  await using store = await openStore(url, { ...components, clusterset: site.clusterset });
  const there = await store.roster();
  if (there === undefined) await store.putRoster({ version: 1, bytes: rosterBytes });
  else if (Buffer.compare(there.bytes, rosterBytes) !== 0) throw new StoreTakenError(url, site.clusterset);
  return url;
}

export class StoreTakenError extends IsthmusError {
  constructor(url: string, clusterset: string) {
    super('store-taken', `the store ${displayStoreUrl(url)} already has a clusterset ${clusterset}`, {
      hint:
        'join that one with a token of its authority, or found one of another name. If it is what an attempt left behind, ' +
        'take it away there first (of Redis or Valkey: the keys isthmus:{...} of that name)',
    });
  }
}

async function claimStore(link: string, site: NewSite, founded: FoundedClusterset): Promise<string> {
  const address = parseStoreAddress(link);
  await using store = new RemoteStore(components, { address, identity: { kind: 'claimant' } });
  await store.claim({
    cluster: site.cluster,
    root: founded.root,
    roster: { version: 1, bytes: founded.rosterBytes },
  });
  return formatStoreAddress({ host: address.host, port: address.port, pins: address.pins });
}

/** A store server of our own is claimed like any other, over loopback, so that there is one way. */
async function claimOwnStore(site: NewSite, founded: FoundedClusterset): Promise<string> {
  const served = await serveStore({ stateDir: site.stateDir, listen: { address: '127.0.0.1', port: 0 } }, components);
  try {
    await claimStore(served.link, site, founded);
  } finally {
    await served.close();
  }
  return served.localUrl;
}

export async function joinSite(
  site: NewSite,
  token: JoinToken,
  io: Io,
): Promise<{ rosterVersion: number; dev: boolean }> {
  const folder = stateFolder(site.stateDir);
  // Whether loopback addresses are allowed is the clusterset's to say; the roster that comes with the answer does.
  await checkSite({ ...site, dev: true });
  for (const url of site.store) await checkStoreAddress(url);
  using _lock = await lockFolder(folder);
  for (const url of site.store) await tryLogin(url, token);
  await using store = await openStore(reachedFromHere(token.store, site.store), {
    ...components,
    clusterset: token.clustersetDomain,
    identity: { kind: 'joiner', tokenId: token.tokenId, storeSecret: token.storeSecret.reveal() },
  });
  const joined = await joinHere(
    { folder, clock, random, log, store },
    {
      token,
      waitMs: JOIN_WAIT_MS,
      signal: io.stopSignal(),
      onWaiting: () => void io.stderr.write('asked to join, waiting for the authority\n'),
    },
  );
  const final = { ...site, dev: joined.dev };
  await checkSite(final);
  await writeSite(folder.site, final);
  await forgetJoinRequests(folder);
  return joined;
}

/** A login of the site's own is tried while the token is still unused. Store servers know nobody before he has joined. */
async function tryLogin(url: string, token: JoinToken): Promise<void> {
  if (url === token.store || !hasLogin(url)) return;
  await using store = await openStore(url, { ...components, clusterset: token.clustersetDomain });
  await store.roster();
}

/** Not beside a controller, nor twice at a time. */
async function lockFolder(folder: StateFolder): Promise<StateLock> {
  await preparePrivateFolder(folder.root);
  return StateLock.take({ clock }, { folder: folder.root, waitMs: 0 });
}

import { LastGood, type LoadedState } from '../federation/sync/last-good.ts';
import { Marks } from '../federation/sync/marks.ts';
import type { LeaseBoard, Store } from '../federation/store/contract.ts';
import type { StoreList } from '../federation/store/several.ts';
import type { Finding } from '../runtime/errors.ts';
import { FilesSource } from '../sources/files.ts';
import type { Source } from './source.ts';
import { preparePrivateFolder } from '../trust/private-file.ts';
import type { SiteConfig } from './config/site.ts';
import { isDeparting } from './departure.ts';
import type { ControllerComponents } from './controller.ts';
import { loadReplica, type Replica } from './leadership/replica.ts';
import { seedFolder } from './leadership/seed.ts';
import { openStores } from './open-stores.ts';
import { loadPorts, PortsFile, type PortTable } from './ports-file.ts';
import { loadSiteTrust, type SiteTrust } from './site-trust.ts';
import { SigningIdentity, type SigningMaterial } from './signing-identity.ts';
import { type StateFolder, stateFolder } from './state-folder.ts';

/**
 * What a controller reads and opens before it can serve: all from the local disk. Each piece that is damaged gives way to
 * its previous generation or to nothing, with a finding; only a missing identity ends the start.
 */
export interface StartedParts extends AsyncDisposable {
  readonly folder: StateFolder;
  /** Absent for a controller that is the only one of its site. */
  readonly replica: Replica | undefined;
  readonly trust: SiteTrust;
  readonly marks: Marks;
  /** As `LoadedMarks.areWhole`. */
  readonly areMarksWhole: boolean;
  readonly lastGood: LastGood;
  /** Not verified yet. */
  readonly restored: LoadedState;
  readonly ports: PortTable;
  readonly portsFile: PortsFile;
  readonly source: Source;
  readonly signing: SigningIdentity;
  /** This cluster has said goodbye, or is about to. */
  readonly leaving: boolean;
  /** In the order of the site's list. */
  readonly stores: StoreList;
  /** The first of them. */
  readonly store: Store;
  /** Where the lease of replicas is held. */
  readonly leases: LeaseBoard;
  /** What was damaged in the state folder, and what took its place. */
  readonly findings: readonly Finding[];
  /** Tells whoever signs of each renewal of the signing key. One listener. */
  readonly onRenewed: (listener: (material: SigningMaterial) => void) => void;
}

export async function startParts(config: SiteConfig, components: ControllerComponents): Promise<StartedParts> {
  const { log, kubernetes } = components;
  // What was opened is closed again when a later step fails: a timer left behind would keep a failed process alive.
  await using opened = new AsyncDisposableStack();
  const folder = stateFolder(config.stateDir, config.replica);
  await preparePrivateFolder(folder.root);
  await preparePrivateFolder(folder.own);
  const name = config.replica;
  await seedFolder(components, { folder, isAlone: name === undefined });
  const replica =
    kubernetes?.keep.replica ??
    (name === undefined ? undefined : await loadReplica(components, { name, folder: folder.own }));
  const loadedMarks = await Marks.load(components, { path: folder.marks, mirror: kubernetes?.keep.marks });
  opened.defer(() => loadedMarks.marks.close());
  const lastGood = new LastGood(components, { dir: folder.lastGood });
  const restored = await lastGood.load();
  opened.defer(() => lastGood.close());
  const trust = await loadTrust(config, { ...components, folder, followed: restored.roster });
  const loadedPorts = await loadPorts(folder.ports);
  const portsFile = new PortsFile({ log }, { path: folder.ports, mirror: kubernetes?.keep.savePorts });
  opened.defer(() => portsFile.close());
  const source = kubernetes?.source ?? (await openFiles(config, components, { folder, opened }));
  let renewed: ((material: SigningMaterial) => void) | undefined;
  const onRenewed = (material: SigningMaterial): void => renewed?.(material);
  const signing = new SigningIdentity({ ...components, issuer: trust.issuer }, { onRenewed });
  opened.defer(() => signing.close());
  const urls = config.store.length === 0 ? [`embedded:${folder.embeddedStore}`] : config.store;
  const open = async (url: string): Promise<Store> => opened.use(await components.openStore(url, signing));
  const opening = { urls, needsFirst: config.replica !== undefined && kubernetes === undefined };
  const { stores, findings: unusable } = await openStores(open, opening);
  const damaged = [
    ...(kubernetes?.keep.findings ?? []),
    ...loadedMarks.findings,
    ...restored.findings,
    ...trust.findings,
    ...loadedPorts.findings,
  ];
  const findings = [...damaged, ...unusable];
  for (const { message, ...where } of findings) log.warn(message, where);
  const running = opened.move();
  return {
    folder,
    replica,
    trust,
    marks: loadedMarks.marks,
    areMarksWhole: loadedMarks.areWhole,
    lastGood,
    restored,
    ports: loadedPorts.ports,
    portsFile,
    source,
    signing,
    leaving: await isDeparting(folder.departure),
    stores,
    store: stores[0].store,
    leases: kubernetes?.board ?? stores[0].store.lease,
    findings,
    onRenewed: (listener) => {
      renewed = listener;
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function openFiles(
  config: SiteConfig,
  components: ControllerComponents,
  { folder, opened }: { readonly folder: StateFolder; readonly opened: AsyncDisposableStack },
): Promise<Source> {
  const source = new FilesSource(components, { paths: config.services, memoryFile: folder.sourceMemory });
  opened.defer(() => source.close());
  await source.start();
  return source;
}

function loadTrust(
  config: SiteConfig,
  { folder, random, followed }: ControllerComponents & { folder: StateFolder; followed: Uint8Array | undefined },
): Promise<SiteTrust> {
  return loadSiteTrust(
    { folder, random },
    {
      cluster: config.cluster,
      clustersetDomain: config.clusterset,
      leafLifetimeMs: config.leafLifetimeMs,
      authority: config.authority,
      followedRoster: followed,
    },
  );
}

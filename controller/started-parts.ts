import { LastGood, type LoadedState } from '../federation/sync/last-good.ts';
import { Marks } from '../federation/sync/marks.ts';
import type { Store } from '../federation/store/contract.ts';
import { FilesSource } from '../sources/files.ts';
import { preparePrivateFolder } from '../trust/private-file.ts';
import type { SiteConfig } from './config/site.ts';
import type { ControllerComponents } from './controller.ts';
import { loadPorts, PortsFile, type PortTable } from './ports-file.ts';
import { loadSiteTrust, type SiteTrust } from './site-trust.ts';
import { SigningIdentity, type SigningMaterial } from './signing-identity.ts';
import { type StateFolder, stateFolder } from './state-folder.ts';

/**
 * What a controller reads and opens before it can serve: all from the local disk. Each piece that is damaged gives way to
 * its previous generation or to nothing, with a finding; only a missing identity ends the start.
 */
export interface StartedParts {
  readonly folder: StateFolder;
  readonly trust: SiteTrust;
  readonly marks: Marks;
  readonly lastGood: LastGood;
  readonly lastGoodState: LoadedState;
  readonly ports: PortTable;
  readonly portsFile: PortsFile;
  readonly source: FilesSource;
  readonly signing: SigningIdentity;
  readonly store: Store;
  /** Tells whoever signs of each renewal of the signing key. One listener. */
  readonly onRenewed: (listener: (material: SigningMaterial) => void) => void;
}

export async function startParts(config: SiteConfig, components: ControllerComponents): Promise<StartedParts> {
  const { clock, random, log } = components;
  const folder = stateFolder(config.stateDir);
  await preparePrivateFolder(folder.root);
  const trust = await loadSiteTrust(
    { folder, random },
    {
      cluster: config.cluster,
      clustersetDomain: config.clusterset,
      leafLifetimeMs: config.leafLifetimeMs,
      authority: config.authority,
    },
  );
  const loadedMarks = await Marks.load(components, { path: folder.marks });
  const lastGood = new LastGood(components, { dir: folder.lastGood });
  const lastGoodState = await lastGood.load();
  const loadedPorts = await loadPorts(folder.ports);
  const source = new FilesSource(components, { paths: config.services, memoryFile: folder.sourceMemory });
  await source.start();
  let renewed: ((material: SigningMaterial) => void) | undefined;
  const signing = new SigningIdentity(
    { clock, random, issuer: trust.issuer },
    { onRenewed: (material) => renewed?.(material) },
  );
  const store = await components.openStore(config.store[0] ?? `embedded:${folder.embeddedStore}`, signing);
  const findings = [...loadedMarks.findings, ...lastGoodState.findings, ...loadedPorts.findings];
  for (const { message, ...where } of findings) log.warn(message, where);
  return {
    folder,
    trust,
    marks: loadedMarks.marks,
    lastGood,
    lastGoodState: { ...lastGoodState, findings },
    ports: loadedPorts.ports,
    portsFile: new PortsFile({ log }, { path: folder.ports }),
    source,
    signing,
    store,
    onRenewed: (listener) => {
      renewed = listener;
    },
  };
}

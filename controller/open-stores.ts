import type { Store } from '../federation/store/contract.ts';
import { type ListedStore, type StoreList, storeNames } from '../federation/store/several.ts';
import { errorText, type Finding, InvalidInputError, IsthmusError } from '../runtime/errors.ts';

/**
 * Opens the stores of a site's list. With several, one that cannot be used (a damaged file) is left out and named, for the
 * others are there for that; an address that makes no sense ends the start in any case, because it heals by editing only.
 */
export interface OpenedStores {
  readonly stores: StoreList;
  readonly findings: readonly Finding[];
}

export interface OpenStoresInit {
  readonly urls: readonly string[];
  /** Whether leases are held in the first one: replicas that hold them in different stores would all lead. */
  readonly needsFirst: boolean;
}

export async function openStores(
  open: (url: string) => Promise<Store>,
  { urls, needsFirst }: OpenStoresInit,
): Promise<OpenedStores> {
  const names = storeNames(urls);
  const listed: ListedStore[] = [];
  const findings: Finding[] = [];
  let failure: unknown;
  for (const [index, url] of urls.entries()) {
    const name = names[index] ?? url;
    try {
      listed.push({ name, store: await open(url) });
    } catch (error) {
      if (error instanceof InvalidInputError || (needsFirst && index === 0)) throw error;
      failure ??= error;
      findings.push(unusable(name, error));
    }
  }
  const [first, ...others] = listed;
  if (first === undefined) throw failure ?? new IsthmusError('no-store', 'the site lists no store');
  return { stores: [first, ...others], findings };
}

function unusable(name: string, error: unknown): Finding {
  const hint = error instanceof IsthmusError ? error.hint : undefined;
  return {
    severity: 'error',
    reason: 'StoreUnusable',
    message: `store ${name} is left out: ${errorText(error)}`,
    ...(hint === undefined ? {} : { hint }),
  };
}

import { isDnsLabel, type ServiceKey } from './ids.ts';

/**
 * Which services of other clusters a site takes in. What others publish is verified whole, whatever of it is imported: a
 * head covers all records or none. What is not imported is not merged, has no gateway port and is not shown.
 */
export interface ImportFilter {
  readonly namespaces: ReadonlySet<string>;
  readonly services: ReadonlySet<ServiceKey>;
}

/** An entry is `NAMESPACE` or `NAMESPACE/NAME`. */
export function isImportEntry(text: string): boolean {
  const parts = text.split('/');
  return parts.length <= 2 && parts.every(isDnsLabel);
}

/** Absent: everything. Entries as `isImportEntry` allows them. */
export function importFilter(entries: readonly string[] | undefined): ImportFilter | undefined {
  if (entries === undefined) return undefined;
  const services = entries.filter((entry) => entry.includes('/'));
  return {
    namespaces: new Set(entries.filter((entry) => !entry.includes('/'))),
    // `NAMESPACE/NAME` is the form of a service key.
    services: new Set(services as ServiceKey[]),
  };
}

export function isImported(filter: ImportFilter | undefined, key: ServiceKey): boolean {
  if (filter === undefined) return true;
  return filter.services.has(key) || filter.namespaces.has(key.slice(0, key.indexOf('/')));
}

import type { ServiceKey } from '../../federation/model/ids.ts';
import type { LocalService, LocalView } from '../../federation/model/local.ts';
import { SortedMap } from '../../federation/model/sorted-map.ts';
import type { KeptFileInit } from './kept-file.ts';

/** The view of what the cluster exports, as lines: a Service each, so that no one of them is ever encoded with all others. */
export function viewFile(path: string | undefined): KeptFileInit<LocalView> {
  return { path, kind: 'kubernetes-exports', schema: VIEW_SCHEMA, encode: encodeView, decode: decodeView };
}

/** To be raised with every change of `LocalService` that an older or newer reader would misunderstand. */
const VIEW_SCHEMA = 1;

function* encodeView(view: LocalView): Generator<string> {
  for (const service of view.services.values()) yield JSON.stringify(service);
}

function decodeView(lines: readonly string[]): LocalView {
  // The file's hash and schema say that these are the services that `encodeView` wrote.
  const services = lines.map((line) => JSON.parse(line) as LocalService);
  return { services: SortedMap.from<ServiceKey, LocalService>(services.map((service) => [service.key, service])) };
}

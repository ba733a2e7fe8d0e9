import { checkGatewayAddress } from '../../federation/model/addresses.ts';
import { parseAddress } from '../../federation/model/cidr.ts';
import { bareStoreUrl } from '../../federation/store/several.ts';
import type { Finding } from '../../runtime/errors.ts';
import { cidrProblem, cidrsOverlap } from '../../sources/documents/fields.ts';
import type { FieldPath, SourceDocument } from '../../sources/documents/parse.ts';
import { findingAt, type OriginOf } from '../../sources/documents/validate.ts';

/**
 * What no single field of `Site` can tell. Works on raw values and skips what is malformed, so that one pass reports
 * these problems beside those of the schema.
 */
export const EGRESS_PORTS = { first: 20_000, last: 29_999 } as const;

/** DESIGN section 3, fixed names: what the processes of one site listen on by default. */
const OWN_PORTS: Readonly<Record<number, string>> = {
  15010: 'xDS',
  15014: 'metrics',
  15020: 'health',
  15053: 'DNS',
  15080: 'the dashboard',
  15090: 'the store server',
  15444: 'passthrough',
};

type Fields = Readonly<Record<string, unknown>>;
type Check = (document: SourceDocument, spec: Fields, originOf: OriginOf) => readonly Finding[];

export function siteProblems(document: SourceDocument, originOf: OriginOf = () => undefined): readonly Finding[] {
  const spec = fieldsOf(fieldsOf(document.value)['spec']);
  return [
    someStore,
    kubernetesSources,
    stores,
    gatewayNames,
    gatewayPorts,
    gatewayListens,
    gatewayAddresses,
    ranges,
  ].flatMap((check: Check) => check(document, spec, originOf));
}

/** A cluster of Kubernetes hears of its store from the join token; everybody else says it. */
function someStore(document: SourceDocument, spec: Fields, originOf: OriginOf): readonly Finding[] {
  if (spec['store'] !== undefined || spec['kubernetes'] !== undefined) return [];
  const what = { reason: 'MissingField', message: 'the field is required' };
  return [findingAt(document, ['spec', 'store'], what, originOf)];
}

/** What Kubernetes tells is not told by files too: one of two sources would always be the one that nobody looked at. */
function kubernetesSources(document: SourceDocument, spec: Fields, originOf: OriginOf): readonly Finding[] {
  if (spec['kubernetes'] === undefined) return [];
  return ['services', 'gateways'].flatMap((field) => {
    const list = spec[field];
    if (!Array.isArray(list) || list.length === 0) return [];
    const message = `${field} of a site with spec.kubernetes come from the API server`;
    const hint = field === 'services' ? 'export them with ServiceExport' : 'set spec.kubernetes.gatewayAddress';
    return [findingAt(document, ['spec', field], { reason: 'NotWithKubernetes', message, hint }, originOf)];
  });
}

/** The same store twice would be written twice and prove nothing. Addresses that log in differently are still one store. */
function stores(document: SourceDocument, spec: Fields, originOf: OriginOf): readonly Finding[] {
  const list: readonly unknown[] = Array.isArray(spec['store']) ? spec['store'] : [];
  const urls = list.map((url) => (typeof url === 'string' ? bareStoreUrl(url) : undefined));
  return urls.flatMap((url, index) => {
    const earlier = urls.indexOf(url);
    if (url === undefined || earlier === index) return [];
    const message = `the store is the same as spec.store[${earlier}]`;
    const hint = 'name each store once';
    return [findingAt(document, ['spec', 'store', index], { reason: 'DuplicateStore', message, hint }, originOf)];
  });
}

interface Gateway {
  readonly path: FieldPath;
  readonly name: unknown;
  readonly address: string | undefined;
  readonly port: number | undefined;
  readonly listenAddress: string;
  readonly egressAddress: string;
}

function gatewaysOf(spec: Fields): readonly Gateway[] {
  const list = Array.isArray(spec['gateways']) ? spec['gateways'] : [];
  return list.map((item: unknown, index): Gateway => {
    const { name, address, port = 15_443, listenAddress = '0.0.0.0', egressAddress = '127.0.0.1' } = fieldsOf(item);
    return {
      path: ['spec', 'gateways', index],
      name,
      address: typeof address === 'string' ? address : undefined,
      port: typeof port === 'number' ? port : undefined,
      listenAddress: String(listenAddress),
      egressAddress: String(egressAddress),
    };
  });
}

function gatewayNames(document: SourceDocument, spec: Fields): readonly Finding[] {
  const first = new Map<unknown, Gateway>();
  return gatewaysOf(spec).flatMap((gateway) => {
    const earlier = first.get(gateway.name);
    if (earlier === undefined) first.set(gateway.name, gateway);
    if (earlier === undefined || typeof gateway.name !== 'string') return [];
    const message = `gateway ${JSON.stringify(gateway.name)} is defined on line ${document.lineOf(earlier.path)} already`;
    return [findingAt(document, [...gateway.path, 'name'], { reason: 'DuplicateGateway', message })];
  });
}

function gatewayPorts(document: SourceDocument, spec: Fields): readonly Finding[] {
  const gateways = gatewaysOf(spec);
  return gateways.flatMap((gateway, index) => {
    const { port, path } = gateway;
    if (port === undefined) return [];
    const at = (what: Pick<Finding, 'reason' | 'message'> & Partial<Finding>): Finding =>
      findingAt(document, [...path, 'port'], what);
    const findings: Finding[] = [];
    const rival = gateways.slice(0, index).find((other) => other.port === port && clash(other, gateway));
    if (rival !== undefined) {
      const where = `spec.gateways[${String(rival.path[2])}] on line ${document.lineOf([...rival.path, 'port'])}`;
      const hint = 'give each gateway its own address';
      findings.push(at({ reason: 'OverlappingPort', message: `port ${port} is used by ${where} already`, hint }));
    }
    const inEgressRange = port >= EGRESS_PORTS.first && port <= EGRESS_PORTS.last;
    if (inEgressRange && gateways.some((other) => sameHost(other.egressAddress, gateway.listenAddress))) {
      const range = `${EGRESS_PORTS.first} to ${EGRESS_PORTS.last}`;
      const message = `port ${port} overlaps the egress ports ${range} on the same address`;
      findings.push(at({ reason: 'OverlappingPort', message, hint: 'use 15443' }));
    }
    const owner = OWN_PORTS[port];
    if (owner !== undefined) {
      const message = `port ${port} is the default port of ${owner}`;
      findings.push(at({ reason: 'ReservedPort', severity: 'warning', message }));
    }
    return findings;
  });
}

/**
 * Two gateways clash where the others dial: one public address and port can lead to one only. That they listen alike is
 * no clash: they run on hosts of their own, or on one whose kernel shares connections out between the two (SO_REUSEPORT).
 */
function clash(left: Gateway, right: Gateway): boolean {
  return left.address !== undefined && left.address === right.address;
}

function sameHost(left: string, right: string): boolean {
  const wildcards = ['0.0.0.0', '::'];
  return left === right || wildcards.includes(left) || wildcards.includes(right);
}

function gatewayAddresses(document: SourceDocument, spec: Fields, originOf: OriginOf): readonly Finding[] {
  const dev = spec['dev'] === true;
  return gatewaysOf(spec).flatMap(({ address, path }) => {
    if (address === undefined) return [];
    const range = parseAddress(address)?.range() ?? '';
    const loopbackAllowed = dev && range === 'loopback';
    const refused = ['ipv4Mapped', 'unspecified', 'loopback', 'linkLocal', 'multicast', 'broadcast'].includes(range);
    if (!refused || loopbackAllowed) return refusedByPeers(document, { address, path, dev }, originOf);
    const hint = range === 'loopback' ? 'set spec.dev: true in a development clusterset' : undefined;
    const message = `other clusters cannot reach ${address}: it is ${RANGE_WORDS[range] ?? range}`;
    const what = { reason: 'InvalidAddress', message, ...(hint === undefined ? {} : { hint }) };
    return [findingAt(document, [...path, 'address'], what, originOf)];
  });
}

/** The rule that the others will judge the address by: better to hear it here than to be refused by all of them. */
function refusedByPeers(
  document: SourceDocument,
  { address, path, dev }: { readonly address: string; readonly path: FieldPath; readonly dev: boolean },
  originOf: OriginOf,
): readonly Finding[] {
  const checked = checkGatewayAddress(address, { dev, ownRanges: [] });
  // The schema has told already what is neither an address nor a name.
  if (checked.ok || checked.reason === 'InvalidAddress') return [];
  const what = { reason: 'InvalidAddress', message: `other clusters refuse it: ${checked.message}` };
  return [findingAt(document, [...path, 'address'], what, originOf)];
}

/** All gateways of a site get one configuration, so they must listen alike. */
function gatewayListens(document: SourceDocument, spec: Fields): readonly Finding[] {
  const [first, ...others] = gatewaysOf(spec);
  if (first === undefined) return [];
  return others.flatMap((gateway) =>
    (['listenAddress', 'port', 'egressAddress'] as const).flatMap((field) => {
      if (gateway[field] === first[field] || gateway[field] === undefined) return [];
      const message = `${field} differs from that of the first gateway, and this version gives all gateways of a site one configuration`;
      const hint = 'use the same value, or make a site of its own for the other gateway';
      return [findingAt(document, [...gateway.path, field], { reason: 'UnsupportedGateway', message, hint })];
    }),
  );
}

const RANGE_WORDS: Readonly<Record<string, string>> = {
  ipv4Mapped: 'an IPv4-mapped address',
  unspecified: 'the unspecified address',
  loopback: 'a loopback address',
  linkLocal: 'a link-local address',
  multicast: 'a multicast address',
  broadcast: 'the broadcast address',
};

/** One list may name a range twice (two node pools); a pod range inside a service range is always a slip. */
function ranges(document: SourceDocument, spec: Fields, originOf: OriginOf): readonly Finding[] {
  const pods = rangesOf(spec['podCIDRs']);
  return rangesOf(spec['serviceCIDRs']).flatMap((service) => {
    const pod = pods.find((candidate) => cidrsOverlap(candidate.range, service.range));
    if (pod === undefined) return [];
    const message = `${service.range} overlaps the pod range ${pod.range}`;
    const path = ['spec', 'serviceCIDRs', service.index];
    return [findingAt(document, path, { reason: 'OverlappingCIDR', message }, originOf)];
  });
}

function rangesOf(value: unknown): readonly { readonly range: string; readonly index: number }[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  return list.flatMap((range, index) =>
    typeof range === 'string' && cidrProblem(range) === undefined ? [{ range, index }] : [],
  );
}

function fieldsOf(value: unknown): Fields {
  // A map of unknown values is all that is claimed, and that is what was checked.
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

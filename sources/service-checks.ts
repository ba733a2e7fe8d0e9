import { compareText } from '../federation/model/ids.ts';
import { type IpAddress, parseAddress } from '../federation/model/cidr.ts';
import type { Finding } from '../runtime/errors.ts';
import type { FieldPath, SourceDocument } from './documents/parse.ts';
import { findingAt } from './documents/validate.ts';

/**
 * What no single field can tell: clashes between the fields of one `Service` document. Works on the raw values and skips
 * what is malformed, so that one pass reports these problems beside those of the schema.
 */
export function serviceProblems(document: SourceDocument): readonly Finding[] {
  const spec = mapAt(document.value, 'spec');
  const ports = listAt(spec, 'ports');
  return [
    ...portProblems(document, ports),
    ...endpointProblems(document, listAt(spec, 'endpoints'), ports),
    ...healthCheckProblems(document, mapAt(spec, 'healthCheck')),
  ];
}

type Fields = Readonly<Record<string, unknown>>;

function portProblems(document: SourceDocument, ports: readonly Fields[]): Finding[] {
  const findings: Finding[] = [];
  const names = new Map<string, number>();
  const numbers = new Map<string, number>();
  ports.forEach((port, index) => {
    const path: FieldPath = ['spec', 'ports', index];
    const { name, port: number } = port;
    if (ports.length > 1 && name === undefined) {
      const message = 'the field is required, because the service has several ports';
      findings.push(findingAt(document, [...path, 'name'], { reason: 'MissingField', message }));
    }
    if (typeof name === 'string') {
      const first = names.get(name);
      if (first !== undefined) findings.push(findingAt(document, [...path, 'name'], duplicate(`name ${name}`, first)));
      names.set(name, first ?? index);
    }
    if (typeof number !== 'number') return;
    const key = `${number}/${port['protocol'] === 'UDP' ? 'UDP' : 'TCP'}`;
    const first = numbers.get(key);
    if (first !== undefined) findings.push(findingAt(document, [...path, 'port'], duplicate(`port ${key}`, first)));
    numbers.set(key, first ?? index);
  });
  return findings;
}

function duplicate(what: string, first: number): Pick<Finding, 'reason' | 'message'> {
  return { reason: 'DuplicatePort', message: `${what} is taken by spec.ports[${first}]` };
}

function endpointProblems(document: SourceDocument, endpoints: readonly Fields[], ports: readonly Fields[]): Finding[] {
  const findings: Finding[] = [];
  const known = new Set(ports.flatMap(({ name, port }) => [name, port]).map(String));
  const seen = new Map<string, number>();
  endpoints.forEach((endpoint, index) => {
    const path: FieldPath = ['spec', 'endpoints', index];
    const overrides = mapAt(endpoint, 'ports');
    for (const key of Object.keys(overrides)) {
      if (known.has(key)) continue;
      const what = { reason: 'UnknownPort', message: `the service has no port ${JSON.stringify(key.slice(0, 80))}` };
      findings.push(findingAt(document, [...path, 'ports', key], what));
    }
    const { address } = endpoint;
    const parsed = typeof address === 'string' ? parseAddress(address) : undefined;
    if (parsed === undefined) return;
    const unusable = unusableRange(parsed);
    if (unusable !== undefined) {
      const what = {
        reason: 'InvalidAddress',
        message: `${String(address)} is ${unusable} address, which no endpoint can have`,
      };
      findings.push(findingAt(document, [...path, 'address'], what));
    }
    const identity = JSON.stringify([
      address,
      Object.entries(overrides).toSorted(([left], [right]) => compareText(left, right)),
    ]);
    const first = seen.get(identity);
    if (first !== undefined) {
      const what = { reason: 'DuplicateEndpoint', message: `the same as spec.endpoints[${first}]` };
      findings.push(findingAt(document, path, what));
    }
    seen.set(identity, first ?? index);
  });
  return findings;
}

/**
 * Loopback is left: on a machine without Kubernetes gateway and service may share it. Link-local is not: it holds the
 * cloud's metadata service, which an export would hand to other clusters.
 */
function unusableRange(address: IpAddress): string | undefined {
  return address.toString() === 'fd00:ec2::254' ? 'a metadata service' : UNUSABLE_RANGES[address.range()];
}

const UNUSABLE_RANGES: Readonly<Partial<Record<ReturnType<IpAddress['range']>, string>>> = {
  unspecified: 'the unspecified',
  multicast: 'a multicast',
  broadcast: 'a broadcast',
  linkLocal: 'a link-local',
  ipv4Mapped: 'an IPv4-mapped',
};

function healthCheckProblems(document: SourceDocument, check: Fields): Finding[] {
  if (check['type'] !== 'tcp' || check['path'] === undefined) return [];
  const what = { reason: 'InvalidValue', message: 'a tcp check has no path', hint: 'use type: http' };
  return [findingAt(document, ['spec', 'healthCheck', 'path'], what)];
}

function mapAt(value: unknown, key: string): Fields {
  const found = isFields(value) ? value[key] : undefined;
  return isFields(found) ? found : {};
}

/** Items that are no maps become empty ones: indexes must stay those of the file. */
function listAt(value: Fields, key: string): readonly Fields[] {
  const found = value[key];
  return Array.isArray(found) ? found.map((item: unknown) => (isFields(item) ? item : {})) : [];
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

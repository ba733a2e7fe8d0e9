import type { Finding } from '../../runtime/errors.ts';
import type { FlowCount, Scan } from './scan.ts';

/** Whether a recorded wire keeps the promise. Pure. */
export interface WireRules {
  /** Addresses that may speak on the wire: gateways and the store. */
  readonly hosts: readonly string[];
  /** Ports that may be listened on. */
  readonly ports: readonly number[];
  /** Connections that must have been seen, or the capture looked at the wrong wire. */
  readonly expected: readonly { readonly source: string; readonly destination: string; readonly port: number }[];
}

export interface WireVerdict {
  readonly ok: boolean;
  readonly findings: readonly Finding[];
}

export function judgeWire(scan: Scan, dropped: number, rules: WireRules): WireVerdict {
  const findings = [
    ...count('Plaintext', scan.plaintext, 'packets carry the marker of the services in plain'),
    ...count('PrivateAddress', scan.privateAddresses, 'packets name an address that belongs inside a site'),
    ...count('CaptureDropped', dropped, 'packets were not recorded: the capture proves nothing about them'),
    ...count('CaptureTruncated', scan.truncated, 'packets were recorded in part only'),
    ...count('NotTcp', strangers(scan), 'frames are neither TCP nor ARP'),
    ...scan.flows.filter((flow) => !allowed(flow, rules)).map(strangeFlow),
    ...rules.expected.filter((wanted) => !seen(scan, wanted)).map(missingFlow),
    ...(scan.clientHellos > 0 ? [] : [finding('NoTls', 'no TLS handshake was seen')]),
  ];
  return { ok: findings.length === 0, findings };
}

function strangers(scan: Scan): number {
  return Object.entries(scan.others)
    .filter(([what]) => what !== 'arp')
    .reduce((sum, [, frames]) => sum + frames, 0);
}

function allowed(flow: FlowCount, rules: WireRules): boolean {
  const { source, destination, port } = flow;
  return rules.hosts.includes(source) && rules.hosts.includes(destination) && rules.ports.includes(port);
}

function seen(scan: Scan, wanted: WireRules['expected'][number]): boolean {
  return scan.flows.some(
    ({ source, destination, port, payloadBytes }) =>
      source === wanted.source && destination === wanted.destination && port === wanted.port && payloadBytes > 0,
  );
}

function strangeFlow({ source, destination, port, packets }: FlowCount): Finding {
  return finding(
    'StrangeFlow',
    `${packets} packets from ${source} to ${destination}, port ${port}, have no business there`,
  );
}

function missingFlow({ source, destination, port }: WireRules['expected'][number]): Finding {
  return finding('MissingFlow', `nothing was sent from ${source} to ${destination} port ${port}`);
}

function count(reason: string, amount: number, what: string): Finding[] {
  return amount === 0 ? [] : [finding(reason, `${amount} ${what}`)];
}

function finding(reason: string, message: string): Finding {
  return { severity: 'error', reason, message };
}

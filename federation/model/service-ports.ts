import { READY_MAX } from './record-schemas.ts';
import type { ReadyWeight, ServicePort } from './records.ts';
import { isFields, isLabel, isLabelValue, isWhole } from './service-fields.ts';

/** Ports and ready weights of a service, as `service-fields.ts` checks the rest of it. */
const PORT_FIELDS = new Set(['appProtocol', 'name', 'port', 'protocol']);
const READY_FIELDS = new Set(['port', 'ready', 'region', 'zone']);
/** Longer lists are compared pairwise nowhere but in the schema, which uses a set. */
const LIST_MAX = 16;
const PORT_MAX = 65_535;

export function arePorts(value: unknown): value is readonly ServicePort[] {
  if (!Array.isArray(value) || value.length > LIST_MAX) return false;
  // Each is checked in the loop before anything is read from it.
  const ports = value as readonly ServicePort[];
  for (const [index, port] of ports.entries()) {
    if (!isPort(port) || (port.name === '' && ports.length !== 1)) return false;
    for (let other = 0; other < index; other += 1) {
      const before = ports[other];
      if (before?.name === port.name || (before?.port === port.port && before.protocol === port.protocol)) return false;
    }
  }
  return true;
}

/** Weights that are sound by themselves. */
export function areWeights(value: unknown): value is readonly ReadyWeight[] {
  if (!Array.isArray(value) || value.length > LIST_MAX) return false;
  // Each is checked in the loop before anything is read from it.
  const weights = value as readonly ReadyWeight[];
  for (const [index, weight] of weights.entries()) {
    if (!isWeight(weight)) return false;
    for (let other = 0; other < index; other += 1) if (isSamePlace(weights[other], weight)) return false;
  }
  return true;
}

/** No weight is for a port that is not there. */
export function haveTheirPorts(weights: readonly ReadyWeight[], ports: readonly ServicePort[]): boolean {
  for (const weight of weights) if (!hasPort(ports, weight.port)) return false;
  return true;
}

function hasPort(ports: readonly ServicePort[], number: number): boolean {
  for (const { port } of ports) if (port === number) return true;
  return false;
}

function isPort(value: unknown): boolean {
  if (!isFields(value, PORT_FIELDS)) return false;
  const { appProtocol, name, port, protocol } = value;
  return (
    (name === '' || isLabel(name)) &&
    isWhole(port, 1, PORT_MAX) &&
    (protocol === 'TCP' || protocol === 'UDP') &&
    (appProtocol === 'http' || appProtocol === 'http2' || appProtocol === 'grpc' || appProtocol === 'tcp')
  );
}

function isWeight(value: unknown): boolean {
  if (!isFields(value, READY_FIELDS)) return false;
  const { port, ready, region, zone } = value;
  return isWhole(port, 1, PORT_MAX) && isWhole(ready, 0, READY_MAX) && isLocality(region) && isLocality(zone);
}

function isLocality(value: unknown): boolean {
  return value === undefined || (value !== '' && isLabelValue(value));
}

function isSamePlace(left: ReadyWeight | undefined, right: ReadyWeight): boolean {
  return left?.port === right.port && left.region === right.region && left.zone === right.zone;
}

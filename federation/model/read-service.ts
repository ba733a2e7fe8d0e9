import { EPOCH_MS_MAX } from './record-schemas.ts';
import type { ServiceRecord } from './records.ts';
import { areAnnotations, areLabels, isFields, isLabel, isWhole } from './service-fields.ts';
import { arePorts, areWeights, haveTheirPorts } from './service-ports.ts';
import { audienceOf, trafficOf } from './service-settings.ts';

/**
 * The quick way from a parsed value to a service. It says yes only to what `recordSchema` takes and RFC 8785 orders, with
 * the same outcome; to anything that it does not know at sight it says nothing, and the schema decides and finds the
 * words. A property test compares the two. Most services do not even come here: see `service-text.ts`.
 */
const SERVICE_FIELDS = new Set([
  'annotations',
  'exportedAtMs',
  'grantedTo',
  'internalTrafficPolicy',
  'kind',
  'labels',
  'name',
  'namespace',
  'ports',
  'ready',
  'schema',
  'sessionAffinity',
  'sessionAffinityTimeoutS',
  'trafficDistribution',
  'type',
]);

/** `value`: what JSON.parse made. Its lists and maps are taken over, not copied. */
export function readService(value: unknown): ServiceRecord | undefined {
  if (!isFields(value, SERVICE_FIELDS)) return undefined;
  const { namespace, name, exportedAtMs, labels, annotations, ports, ready } = value;
  const audience = audienceOf(value);
  const traffic = trafficOf(value);
  if (audience === undefined || traffic === undefined) return undefined;
  const sound =
    isLabel(namespace) &&
    isLabel(name) &&
    isWhole(exportedAtMs, 0, EPOCH_MS_MAX) &&
    areLabels(labels) &&
    areAnnotations(annotations) &&
    arePorts(ports) &&
    areWeights(ready) &&
    haveTheirPorts(ready, ports);
  if (!sound) return undefined;
  return { ...audience, ...traffic, namespace, name, ports, exportedAtMs, labels, annotations, ready };
}

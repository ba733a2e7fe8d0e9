import { isDnsLabel } from './ids.ts';
import { PartMemo } from './part-memo.ts';
import { EPOCH_MS_MAX } from './record-schemas.ts';
import type { RecordKey, ServiceRecord } from './records.ts';
import { areAnnotations, areLabels, type Fields, isFields } from './service-fields.ts';
import { arePorts, areWeights, haveTheirPorts } from './service-ports.ts';
import { audienceOf, trafficOf } from './service-settings.ts';

/**
 * The quickest way to read a service: a clusterset has a hundred thousand of them, and a start must judge them all. The
 * canonical text of a service is cut where its fields begin, and each part is parsed by itself and written again. When all
 * parts come out as they were, the whole is canonical, because it is nothing but them and the fixed text in between;
 * and parts that services have in common (ports, weights, labels of one service in many clusters) are parsed once.
 *
 * Says nothing to what it does not know at sight: then `readService` and the schema decide. A cut at the wrong place (a
 * label may be called "ports") leaves parts that are no JSON, so it can never say yes to what they would refuse.
 */
export const SERVICE_TEXT_CHARS_MAX = 2_048;

const PREFIX = 'service/';
const ANNOTATIONS = '{"annotations":';
const EXPORTED_AT = '},"exportedAtMs":';
const LABELS = ',"labels":{';
const PORTS_OF = '","ports":[';
const READY = '],"ready":[';
const SCHEMA = '],"schema":';
/** No sign, no fraction, no exponent, no leading zero: as many digits as `EPOCH_MS_MAX` has. */
const WHOLE_MS = /^(?:0|[1-9][0-9]{0,14})$/;
const AUDIENCE_FIELDS = new Set(['grantedTo', 'internalTrafficPolicy', 'kind']);
const TRAFFIC_FIELDS = new Set(['schema', 'sessionAffinity', 'sessionAffinityTimeoutS', 'trafficDistribution', 'type']);

const annotationsIn = new PartMemo((text) => partOf(text, areAnnotations));
const labelsIn = new PartMemo((text) => partOf(text, areLabels));
const portsIn = new PartMemo((text) => partOf(text, arePorts));
const weightsIn = new PartMemo((text) => partOf(text, areWeights));
const audienceIn = new PartMemo((text) => settingsOf(`{${text}}`, AUDIENCE_FIELDS, audienceOf));
const trafficIn = new PartMemo((text) => settingsOf(`{${text}`, TRAFFIC_FIELDS, trafficOf));

/** `text`: of well-formed UTF-8. The record, when it is the canonical text of one that belongs under `key`. */
export function readServiceText(key: RecordKey, text: string): ServiceRecord | undefined {
  const slash = key.indexOf('/', PREFIX.length);
  if (text.length > SERVICE_TEXT_CHARS_MAX || slash < 0 || !key.startsWith(PREFIX)) return undefined;
  const [namespace, name] = [key.slice(PREFIX.length, slash), key.slice(slash + 1)];
  if (!isDnsLabel(namespace) || !isDnsLabel(name) || !text.startsWith(ANNOTATIONS)) return undefined;
  const named = `},"name":"${name}","namespace":"${namespace}${PORTS_OF}`;

  const annotationsEnd = text.indexOf(EXPORTED_AT, ANNOTATIONS.length) + 1;
  const exportedAt = annotationsEnd + EXPORTED_AT.length - 1;
  const exportedEnd = text.indexOf(',', exportedAt);
  const audienceEnd = text.indexOf(LABELS, exportedEnd + 1);
  const labelsAt = audienceEnd + LABELS.length - 1;
  const labelsEnd = text.indexOf(named, labelsAt) + 1;
  const portsAt = labelsEnd + named.length - 2;
  const portsEnd = text.indexOf(READY, portsAt) + 1;
  const readyAt = portsEnd + READY.length - 2;
  const readyEnd = text.indexOf(SCHEMA, readyAt) + 1;
  if (annotationsEnd === 0 || exportedEnd < 0 || audienceEnd < 0) return undefined;
  if (labelsEnd === 0 || portsEnd === 0 || readyEnd === 0) return undefined;

  const exportedText = text.slice(exportedAt, exportedEnd);
  const exportedAtMs = WHOLE_MS.test(exportedText) ? Number(exportedText) : Number.POSITIVE_INFINITY;
  const annotations = annotationsIn.of(text.slice(ANNOTATIONS.length, annotationsEnd));
  const audience = audienceIn.of(text.slice(exportedEnd + 1, audienceEnd));
  const labels = labelsIn.of(text.slice(labelsAt, labelsEnd));
  const ports = portsIn.of(text.slice(portsAt, portsEnd));
  const ready = weightsIn.of(text.slice(readyAt, readyEnd));
  const traffic = trafficIn.of(text.slice(readyEnd + 1));
  if (exportedAtMs > EPOCH_MS_MAX || annotations === undefined || audience === undefined) return undefined;
  if (labels === undefined || ports === undefined || ready === undefined || traffic === undefined) return undefined;
  if (!haveTheirPorts(ready, ports)) return undefined;
  return { ...audience, ...traffic, namespace, name, ports, exportedAtMs, labels, annotations, ready };
}

/** What the text says, if it is canonical but for the order of keys, which is for the check to see to. */
function partOf<T>(text: string, isSound: (value: unknown) => value is T): T | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isSound(value) && JSON.stringify(value) === text ? value : undefined;
  } catch {
    // The text was cut at a wrong place, or is none of ours.
    return undefined;
  }
}

function settingsOf<T>(
  text: string,
  known: ReadonlySet<string>,
  read: (value: Fields) => T | undefined,
): T | undefined {
  const value = partOf(text, (parsed): parsed is Fields => isFields(parsed, known));
  return value && read(value);
}

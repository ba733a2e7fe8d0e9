/** What operators look at: metrics and status of the sites. */
import { eventually } from './eventually.ts';
import type { Federation } from './federation.ts';
import type { Site } from './site.ts';

/** FAULTS, I10: everything shows within this. */
export const SHOWN_WITHIN_MS = 10_000;

/** Each of the sites shows a sample for which this holds. */
export async function untilMetric(
  sites: readonly Site[],
  name: string,
  holds: (value: number) => boolean,
  limitMs = SHOWN_WITHIN_MS,
  labels: Readonly<Record<string, string>> = {},
): Promise<void> {
  await eventually(`${name} to say so`, limitMs, async () => {
    const values = await Promise.all(sites.map((site) => site.metric(name, labels)));
    return values.flatMap((value, index) =>
      value !== undefined && holds(value) ? [] : [`${sites[index]?.cluster ?? ''} shows ${value ?? 'no such sample'}`],
    );
  });
}

/** At least one of the sites counted it. */
export async function untilCounted(sites: readonly Site[], name: string, limitMs = SHOWN_WITHIN_MS): Promise<void> {
  await eventually(`${name} to be counted`, limitMs, async () => {
    const values = await Promise.all(sites.map((site) => site.metric(name)));
    return values.some((value) => value !== undefined && value > 0) ? [] : ['nobody counted'];
  });
}

/** In the metric and in `isthmus status`. */
export async function storeUp(federation: Federation, up: 0 | 1): Promise<void> {
  await untilMetric(federation.running, 'isthmus_store_up', (value) => value === up);
  await eventually('status to say so', SHOWN_WITHIN_MS, () =>
    federation.running
      .filter(({ status }) => status.stores.some((store) => store.up !== (up === 1)))
      .map(({ cluster }) => `${cluster} says otherwise`),
  );
}

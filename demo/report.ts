import { formatTable } from '../cli/output/table.ts';
import type { CheckedPromise, PhaseResult } from './phases/phase.ts';

/** What a run came to: the same facts as a table for people and as data for `--json`. */
export interface DemoReport {
  readonly apiVersion: 'isthmus.dev/v1alpha1';
  readonly kind: 'DemoReport';
  readonly ok: boolean;
  /** `namespaces`: every site has a network of its own; `loopback`: without root. */
  readonly lab: 'namespaces' | 'loopback';
  readonly setupMs: number;
  readonly durationMs: number;
  readonly httpPerSecond: number;
  readonly tcpPerSecond: number;
  readonly phases: readonly PhaseResult[];
  readonly counts: readonly CheckedPromise[];
  /** What this machine could not show, e.g. without root. Empty in CI. */
  readonly notShown: readonly string[];
}

export function demoReport(facts: Omit<DemoReport, 'apiVersion' | 'kind' | 'ok' | 'notShown'>): DemoReport {
  const promises = [...facts.phases.flatMap((phase) => phase.promises), ...facts.counts];
  return {
    apiVersion: 'isthmus.dev/v1alpha1',
    kind: 'DemoReport',
    ok: promises.length > 0 && promises.every(({ held }) => held),
    ...facts,
    notShown: facts.phases.flatMap((phase) => phase.notShown),
  };
}

export function reportText(report: DemoReport): string {
  const rows = [
    ...report.phases.flatMap((phase) => [
      ...phase.promises.map((promise) => rowOf(phase, promise)),
      ...notShownRows(phase),
    ]),
    ...report.counts.map((promise) => rowOf(undefined, promise)),
  ];
  const table = formatTable(
    [
      { header: 'PHASE', cell: (row: Row) => row.phase },
      { header: 'HELD', cell: (row: Row) => row.held },
      { header: 'PROMISE', cell: (row: Row) => row.promise },
      { header: 'FOUND', cell: (row: Row) => row.found },
    ],
    rows,
  );
  const counts = formatTable(
    [
      { header: 'PHASE', cell: (phase: PhaseResult) => phase.name },
      { header: 'SECONDS', cell: (phase: PhaseResult) => (phase.durationMs / 1000).toFixed(1) },
      { header: 'REQUESTS', cell: (phase: PhaseResult) => String(phase.requests) },
      { header: 'FAILED', cell: (phase: PhaseResult) => String(phase.failed) },
      { header: 'RECOVERY-MS', cell: (phase: PhaseResult) => String(phase.recoveryMs ?? '-') },
      { header: 'HTTP-P50/P99-MS', cell: latencyCell },
      { header: 'ANSWERED-BY', cell: (phase: PhaseResult) => bySite(phase) },
    ],
    report.phases,
  );
  const verdict = report.ok ? 'every promise held' : 'A PROMISE WAS BROKEN';
  const seconds = (report.durationMs / 1000).toFixed(0);
  return `\n${counts}\n${table}\n${verdict} (${seconds} s under ${report.httpPerSecond} HTTP and ${report.tcpPerSecond} TCP a second, set-up ${(report.setupMs / 1000).toFixed(0)} s)\n`;
}

interface Row {
  readonly phase: string;
  readonly held: string;
  readonly promise: string;
  readonly found: string;
}

function rowOf(phase: PhaseResult | undefined, { promise, held, found }: CheckedPromise): Row {
  return { phase: phase?.name ?? 'counts', held: held ? 'yes' : 'NO', promise, found };
}

function notShownRows(phase: PhaseResult): readonly Row[] {
  return phase.notShown.map((what) => ({
    phase: phase.name,
    held: '-',
    promise: what,
    found: 'not shown: needs root',
  }));
}

function latencyCell({ http }: PhaseResult): string {
  if (http.latency === undefined) return '-';
  return `${http.latency.p50Ms.toFixed(1)}/${http.latency.p99Ms.toFixed(0)}`;
}

/** `east 1200, west 340`: HTTP answers by site. */
function bySite({ http }: PhaseResult): string {
  const sites = new Map<string, number>();
  for (const [name, count] of Object.entries(http.answers)) {
    const site = name.replace(/-\d+$/, '');
    sites.set(site, (sites.get(site) ?? 0) + count);
  }
  return [...sites].map(([site, count]) => `${site} ${count}`).join(', ');
}

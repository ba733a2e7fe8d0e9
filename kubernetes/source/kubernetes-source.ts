import type { LocalView } from '../../federation/model/local.ts';
import { EMPTY_LOCAL_VIEW } from '../../federation/model/local.ts';
import { SortedMap } from '../../federation/model/sorted-map.ts';
import type { Clock, Timer } from '../../runtime/clock.ts';
import { errorText, type Finding } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { GaugeHandle, Metrics } from '../../runtime/metrics.ts';
import type { ObjectKey } from '../api/objects.ts';
import { ExportFindings } from '../exports/export-findings.ts';
import type { ExportChanges } from '../exports/export-index.ts';
import { ExportIndex } from '../exports/export-index.ts';
import type { ExportVerdict } from '../exports/verdict.ts';
import type { ExportReflectors } from './export-reflectors.ts';
import { KeptFile } from './kept-file.ts';
import { viewFile } from './view-file.ts';

/**
 * Services that come from the cluster's own API server. Unknown is not empty: until every kind that says something about
 * exports was listed completely, the view is the last good one from the disk, or none at all.
 */
export interface KubernetesSourceComponents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Started and closed by the source. Others may listen to them too. */
  readonly reflectors: ExportReflectors;
}

export interface KubernetesSourceInit {
  /** Where the last good view is kept over a restart. Default: not at all. */
  readonly memoryFile?: string | undefined;
}

export type KubernetesListener = (view: LocalView, findings: readonly Finding[]) => void;
/** The exports whose verdicts are different from before. */
export type ExportsListener = (changed: ReadonlySet<ObjectKey>) => void;

/** Somebody who replaces a definition takes it away first, and the exports of yesterday must live through that. */
const ABSENCE_DOUBTED_MS = 30_000;

const NO_EXPORTS: ReadonlyMap<ObjectKey, ExportVerdict> = new Map();

export class KubernetesSource {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #reflectors: ExportReflectors;
  readonly #memory: KeptFile<LocalView>;
  readonly #exportsGauge: GaugeHandle;
  readonly #index = new ExportIndex();
  readonly #exportFindings = new ExportFindings();
  readonly #listeners = new Set<KubernetesListener>();
  readonly #exportsListeners = new Set<ExportsListener>();
  #undo: (() => void)[] = [];
  /** Since when a kind was missing that must have been there. */
  #absence: { readonly sinceMs: number; readonly timer: Timer } | undefined;
  #view: LocalView | undefined;
  #exports: SortedMap<ObjectKey, ExportVerdict> | undefined;
  #memoryFindings: readonly Finding[] = [];
  #findings: readonly Finding[] = [];

  constructor(components: KubernetesSourceComponents, init: KubernetesSourceInit) {
    this.#clock = components.clock;
    this.#log = components.log.child({ component: 'kubernetes-source' });
    this.#reflectors = components.reflectors;
    this.#memory = new KeptFile({ clock: this.#clock, log: this.#log }, viewFile(init.memoryFile));
    this.#exportsGauge = components.metrics.gauge(
      'isthmus_kubernetes_exports',
      'ServiceExports of the own cluster by outcome: exported, invalid, failed, leaving.',
      ['outcome'],
    );
  }

  /** Reads the disk and begins to watch; does not wait for the API server. */
  async start(): Promise<LocalView> {
    await this.#load();
    const { services, slices, exports, namespaces, grants } = this.#reflectors;
    this.#undo = [
      services.onChange(({ changed }) => this.#take({ services: changed })),
      slices.onChange(({ changed }) => this.#take({ slices: changed })),
      exports.onChange(({ changed }) => this.#take({ exports: changed })),
      namespaces.onChange(({ changed }) => this.#take({ namespaces: changed })),
      grants.onChange(({ changed }) => this.#take({ grants: changed })),
    ];
    this.#take({});
    for (const reflector of this.#all()) reflector.start();
    return this.view;
  }

  /** Whether `view` means anything: until then nothing may be published, not even that there is nothing. */
  get known(): boolean {
    return this.#view !== undefined;
  }

  /** Everything was listed from the API server; before that `view` is from the disk, and `exports` says nothing. */
  get synced(): boolean {
    return this.#exports !== undefined;
  }

  get view(): LocalView {
    return this.#view ?? EMPTY_LOCAL_VIEW;
  }

  /** By `NAMESPACE/NAME`; empty until `synced`. */
  get exports(): ReadonlyMap<ObjectKey, ExportVerdict> {
    return this.#exports ?? NO_EXPORTS;
  }

  get findings(): readonly Finding[] {
    return this.#findings;
  }

  /** Calls `listener` after every change of view, findings, `known` or `synced`. Returns what takes it off again. */
  onChange(listener: KubernetesListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** For whoever writes conditions. */
  onExports(listener: ExportsListener): () => void {
    this.#exportsListeners.add(listener);
    return () => void this.#exportsListeners.delete(listener);
  }

  async close(): Promise<void> {
    for (const undo of this.#undo) undo();
    this.#undo = [];
    this.#absence?.timer.cancel();
    this.#listeners.clear();
    this.#exportsListeners.clear();
    await Promise.all(this.#all().map((reflector) => reflector.close()));
    await this.#memory.close();
  }

  async #load(): Promise<void> {
    try {
      this.#view = await this.#memory.load();
    } catch (error) {
      // Never a reason not to start: the API server is the truth.
      this.#memoryFindings = [{ severity: 'warning', reason: 'KeptFileDamaged', message: errorText(error) }];
      this.#log.warn('the last good view is unreadable, starting without', { err: errorText(error) });
    }
    this.#findings = this.#allFindings();
  }

  #all(): readonly ExportReflectors[keyof ExportReflectors][] {
    return Object.values(this.#reflectors);
  }

  #take(changes: ExportChanges): void {
    if (this.synced) this.#index.update(changes);
    else if (this.#isComplete()) this.#takeAll();
    else return this.#tell({ view: this.#view });
    return this.#settle();
  }

  /**
   * Before anything is judged, everything is there: a reflector is complete a moment before it tells so, and what it will
   * tell is in its objects already.
   */
  #takeAll(): void {
    const { services, slices, exports, namespaces, grants } = this.#reflectors;
    this.#index.update({
      services: services.objects,
      slices: slices.objects,
      exports: exports.objects,
      namespaces: namespaces.objects,
      grants: grants.objects,
    });
  }

  /** A kind that is missing counts as empty, but not at first sight against what is known from before. */
  #isComplete(): boolean {
    if (!this.#all().every((reflector) => reflector.synced)) return false;
    const isCertain = this.#view === undefined || this.#all().every((reflector) => !reflector.absent);
    if (isCertain) {
      this.#absence?.timer.cancel();
      return true;
    }
    this.#absence ??= {
      sinceMs: this.#clock.monotonicMs(),
      timer: this.#clock.after(ABSENCE_DOUBTED_MS, () => this.#take({})),
    };
    return this.#clock.monotonicMs() - this.#absence.sinceMs >= ABSENCE_DOUBTED_MS;
  }

  #settle(): void {
    const before = this.#exports;
    const { view, exports } = this.#index.settle();
    const changed = new Set(SortedMap.changedKeys(before ?? SortedMap.empty(), exports));
    this.#exports = exports;
    if (changed.size > 0 || before === undefined) {
      this.#exportFindings.update(changed, exports);
      for (const [outcome, count] of this.#exportFindings.outcomes) this.#exportsGauge.set(count, { outcome });
    }
    if (view !== this.#view) this.#memory.save(view);
    this.#tell({ view, isFirst: before === undefined });
    if (changed.size > 0) for (const listener of this.#exportsListeners) listener(changed);
  }

  #tell({ view, isFirst = false }: { readonly view: LocalView | undefined; readonly isFirst?: boolean }): void {
    const findings = this.#allFindings();
    const isSame = view === this.#view && !isFirst && findings === this.#findings;
    this.#view = view;
    this.#findings = findings;
    if (isSame) return;
    for (const listener of this.#listeners) listener(this.view, findings);
  }

  /** The same list as before when nothing of it is different. */
  #allFindings(): readonly Finding[] {
    const findings = [
      ...(this.synced ? [] : this.#memoryFindings),
      ...this.#all().flatMap((reflector) => reflector.findings),
      ...this.#exportFindings.findings,
    ];
    const isSame =
      findings.length === this.#findings.length && findings.every((finding, at) => finding === this.#findings[at]);
    return isSame ? this.#findings : findings;
  }
}

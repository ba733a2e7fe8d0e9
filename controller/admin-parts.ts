import type { ClusterId } from '../federation/model/ids.ts';
import type { Standing } from '../gateway-config/xds/ledger.ts';
import { dumpSnapshot } from '../gateway-config/dump.ts';
import type { Clock } from '../runtime/clock.ts';
import { assertNever, type Finding } from '../runtime/errors.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { AdminParts, HealthCheckResult } from './admin/routes.ts';
import type { Controller } from './controller.ts';
import { ControllerMetrics } from './controller-metrics.ts';
import { softwareVersion } from './version.ts';
import { clusterList } from './views/clusters.ts';
import { endpointList } from './views/endpoints.ts';
import { gatewayList, type ProgrammedStatus } from './views/gateways.ts';
import { type RoleInput, roleObject } from './views/role.ts';
import { serviceList } from './views/services.ts';
import { status } from './views/status.ts';
import { storeList } from './views/stores.ts';
import type { WriterState } from './writer.ts';

/** What a running controller answers on its admin socket: every answer is made from the values of that moment. */
export interface AdminPartsComponents {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly controller: Controller;
}

export interface AdminPartsInit {
  /** Of what this process runs besides the controller. */
  readonly furtherChecks: readonly HealthCheckResult[];
  readonly furtherFindings?: (() => readonly Finding[]) | undefined;
}

export function adminParts(
  { clock, metrics, controller }: AdminPartsComponents,
  { furtherChecks, furtherFindings }: AdminPartsInit,
): AdminParts {
  const shown = new ControllerMetrics({ metrics, controller });
  const startedMonotonicMs = clock.monotonicMs();
  const clusters = () => clusterList(clustersInput(controller, clock));
  const services = () => serviceList(servicesInput(controller));
  const gateways = () => gatewayList(gatewaysInput(controller));
  return {
    healthz: () => [{ name: 'process', ok: true }],
    readyz: () => [...readiness(controller), ...furtherChecks],
    metrics: () => {
      shown.refresh();
      return metrics.text();
    },
    debug: {
      state: () => controller.engine.derived.state,
      ir: () => controller.engine.derived.ir,
      xds: () => dumpSnapshot(controller.engine.derived.snapshot),
      roster: () => controller.engine.world.roster,
      health: () => controller.board.standings,
    },
    api: {
      clusters,
      services,
      gateways,
      endpoints: () => endpointList(endpointsInput(controller)),
      stores: () => storeList({ stores: controller.storeStandings, nowMonotonicMs: clock.monotonicMs() }),
      role: () => roleObject(roleInput(controller, clock)),
      status: () =>
        statusOf({
          controller,
          clock,
          furtherChecks,
          furtherFindings,
          startedMonotonicMs,
          clusters,
          services,
          gateways,
        }),
    },
  };
}

/** Reachable peers are no part of it: a site that is alone must still be ready to serve. */
export function readiness(controller: Controller): readonly HealthCheckResult[] {
  const { firstSync, sourceFindings, xds, storeLink, engine } = controller;
  const invalid = sourceFindings.filter(({ severity }) => severity === 'error');
  return [
    { name: 'sources', ok: true, message: invalid.length === 0 ? undefined : keptSentence(invalid) },
    { name: 'state', ok: firstSync.complete, message: engine.failure ?? firstSync.message },
    { name: 'gateways', ok: true, message: `${xds.ledger.connected.length} connected` },
    { name: 'store', ok: true, message: storeLink.up ? undefined : `not reached: ${storeLink.message ?? 'unknown'}` },
    writerCheck(controller.writer.state),
    ...roleCheck(controller),
  ];
}

/** A writer that waits for its disk or its store still serves its gateways; one that was replaced should be stopped. */
function writerCheck(state: WriterState): HealthCheckResult {
  switch (state.kind) {
    case 'writing':
      return { name: 'writer', ok: true };
    case 'waiting':
      return { name: 'writer', ok: true, message: state.message };
    case 'standby':
      return { name: 'writer', ok: true, message: 'on standby' };
    case 'fenced':
      return { name: 'writer', ok: false, message: 'another writer of this cluster took over' };
    default:
      return assertNever(state);
  }
}

/** Every replica is ready to serve, or to take over: which of them leads is no matter of health. */
function roleCheck({ role }: Controller): readonly HealthCheckResult[] {
  const { kind, leader, message } = role.view;
  if (kind === 'sole') return [];
  const said = kind === 'follower' ? `follows ${leader ?? 'another replica'}` : (message ?? 'leads');
  return [{ name: 'role', ok: true, message: said }];
}

function keptSentence(invalid: readonly Finding[]): string {
  const [first] = invalid;
  const where = [first?.file, first?.line].filter((part) => part !== undefined).join(':');
  return `last good kept, ${invalid.length} problem(s), first ${where}: ${first?.message ?? ''}`;
}

function clustersInput(controller: Controller, clock: Clock): Parameters<typeof clusterList>[0] {
  return {
    state: controller.engine.derived.state,
    members: controller.engine.world.roster.members,
    rejections: controller.rejected,
    nowMonotonicMs: clock.monotonicMs(),
  };
}

function servicesInput(controller: Controller): Parameters<typeof serviceList>[0] {
  const { state, ir, world } = controller.engine.derived;
  return { state, local: world.local, gateways: [ir] };
}

function endpointsInput(controller: Controller): Parameters<typeof endpointList>[0] {
  const { ir, world } = controller.engine.derived;
  return { self: world.site.cluster, local: world.local, gateways: [ir], unhealthy: world.unhealthy };
}

function gatewaysInput(controller: Controller): Parameters<typeof gatewayList>[0] {
  const { state, world, snapshot } = controller.engine.derived;
  const { ledger } = controller.xds;
  const programmed = new Map(
    ledger.gateways.map((gateway) => [gateway, programmedStatus(ledger.standing(gateway, snapshot))] as const),
  );
  return { state, own: world.gateways, programmed, probes: probesOf(controller) };
}

function programmedStatus({ connected, programmed, pending, refused }: Standing): ProgrammedStatus {
  return { connected, acknowledged: programmed, pending, refused };
}

/** Envoy's checks tell a peer, not its single gateways: all of a peer's addresses share its result. */
function probesOf(controller: Controller): ReadonlyMap<string, 'good' | 'bad'> {
  const probes = new Map<string, 'good' | 'bad'>();
  for (const [cluster, { view }] of controller.engine.derived.state.peers) {
    const probe = controller.board.probeOf(cluster);
    if (probe === 'unknown') continue;
    for (const { addresses } of view.gateways) {
      for (const { host, port } of addresses) probes.set(`${host.includes(':') ? `[${host}]` : host}:${port}`, probe);
    }
  }
  return probes;
}

function roleInput({ role, writer }: Controller, clock: Clock): RoleInput {
  const { state } = writer;
  const epoch = state.kind === 'writing' ? state.epoch : undefined;
  return { ...role.view, epoch, nowMonotonicMs: clock.monotonicMs() };
}

interface StatusParts extends Pick<AdminPartsComponents, 'controller' | 'clock'>, AdminPartsInit {
  readonly startedMonotonicMs: number;
  readonly clusters: () => ReturnType<typeof clusterList>;
  readonly services: () => ReturnType<typeof serviceList>;
  readonly gateways: () => ReturnType<typeof gatewayList>;
}

function statusOf({
  controller,
  clock,
  furtherChecks,
  furtherFindings = () => [],
  startedMonotonicMs,
  ...lists
}: StatusParts): ReturnType<typeof status> {
  const { config, trust, engine, signing } = controller;
  const services = lists.services().items;
  return status({
    cluster: config.cluster,
    clusterset: config.clusterset,
    network: config.network,
    version: softwareVersion(),
    startedMonotonicMs,
    nowMonotonicMs: clock.monotonicMs(),
    nowEpochMs: clock.epochMs(),
    checks: [...readiness(controller), ...furtherChecks],
    stores: controller.storeStandings,
    clusters: lists.clusters().items,
    gateways: lists.gateways().items,
    services: {
      exported: services.filter((item) => item.status.exported).length,
      callable: services.filter((item) => item.spec.ports.some(({ callAt }) => callAt !== undefined)).length,
      conflicts: services.filter((item) => item.status.conflicts.length > 0).length,
    },
    certificates: [
      { name: 'cluster-ca', notAfterMs: trust.issuer.notAfterMs },
      { name: 'controller', notAfterMs: signing.current.notAfterMs },
    ],
    rosterVersion: engine.world.roster.version,
    role: roleInput(controller, clock),
    findings: [...controller.findings, ...furtherFindings(), ...rejections(controller.rejected)],
  });
}

function rejections(rejected: ReadonlyMap<ClusterId, string>): readonly Finding[] {
  return [...rejected].map(([cluster, why]) => ({
    severity: 'error',
    reason: 'PeerRejected',
    message: `${cluster}: its newest news is refused, its last good is used: ${why}`,
  }));
}

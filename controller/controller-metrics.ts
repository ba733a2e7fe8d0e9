import type { LivenessVerdict } from '../federation/model/state.ts';
import type { GaugeHandle, Metrics } from '../runtime/metrics.ts';
import type { Controller } from './controller.ts';

/**
 * What a running controller shows on `/metrics` about its present state. Read from its values when a scraper asks, so that
 * no event can be forgotten on the way.
 */
const VERDICTS: readonly LivenessVerdict[] = ['Live', 'Stale', 'Unreachable', 'Gone'];
const SEVERITIES = ['error', 'warning'] as const;

export class ControllerMetrics {
  readonly #controller: Controller;
  readonly #gauges: ReturnType<typeof gaugesOf>;
  #peers: ReadonlySet<string> = new Set();

  constructor({ metrics, controller }: { metrics: Metrics; controller: Controller }) {
    this.#controller = controller;
    this.#gauges = gaugesOf(metrics);
  }

  refresh(): void {
    const { storeLink, engine, xds, config, trust, signing, writer, role, sourceFindings } = this.#controller;
    const gauges = this.#gauges;
    gauges.storeUp.set(storeLink.up ? 1 : 0);
    gauges.fenced.set(writer.state.kind === 'fenced' ? 1 : 0);
    gauges.leader.set(role.view.kind === 'leader' || role.view.kind === 'sole' ? 1 : 0);
    if (role.view.transitions !== undefined) gauges.transitions.set(role.view.transitions);
    if (writer.state.kind === 'writing') gauges.epoch.set(writer.state.epoch);
    gauges.rosterVersion.set(engine.world.roster.version);
    const connected = new Set(xds.ledger.connected);
    for (const { name } of config.gateways) gauges.connected.set(connected.has(name) ? 1 : 0, { gateway: name });
    for (const severity of SEVERITIES) {
      gauges.findings.set(sourceFindings.filter((finding) => finding.severity === severity).length, { severity });
    }
    gauges.expiry.set(trust.issuer.notAfterMs / 1000, { certificate: 'cluster-ca' });
    gauges.expiry.set(signing.current.notAfterMs / 1000, { certificate: 'controller' });
    this.#refreshPeers(gauges);
  }

  /** A cluster that left the roster leaves the metrics too. */
  #refreshPeers(gauges: Readonly<Record<'liveness' | 'staleness', GaugeHandle>>): void {
    const { board } = this.#controller;
    const { standings } = board;
    for (const [cluster, { liveness }] of standings) {
      for (const verdict of VERDICTS) gauges.liveness.set(liveness.verdict === verdict ? 1 : 0, { cluster, verdict });
      const ageMs = board.headAgeMs(cluster);
      if (ageMs !== undefined) gauges.staleness.set(ageMs / 1000, { cluster });
    }
    const present: ReadonlySet<string> = new Set(standings.keys());
    for (const cluster of this.#peers) {
      if (present.has(cluster)) continue;
      for (const verdict of VERDICTS) gauges.liveness.remove({ cluster, verdict });
      gauges.staleness.remove({ cluster });
    }
    this.#peers = present;
  }
}

function gaugesOf(metrics: Metrics) {
  return {
    storeUp: metrics.gauge('isthmus_store_up', '1 while the shared store answers'),
    fenced: metrics.gauge('isthmus_writer_fenced', '1 when another writer of this cluster took over'),
    leader: metrics.gauge('isthmus_leader', '1 while this controller is the one of its site that writes'),
    transitions: metrics.gauge('isthmus_lease_transitions', 'Changes of leader that the lease counted'),
    epoch: metrics.gauge('isthmus_writer_epoch', 'The fencing number that this controller last wrote with'),
    rosterVersion: metrics.gauge('isthmus_roster_version', 'Version of the roster in force'),
    connected: metrics.gauge('isthmus_xds_connected', '1 while the gateway has its configuration stream', ['gateway']),
    findings: metrics.gauge('isthmus_source_findings', 'What is wrong in services files now', ['severity']),
    expiry: metrics.gauge(
      'isthmus_certificate_expiry_timestamp_seconds',
      'End of the certificate, seconds since 1970',
      ['certificate'],
    ),
    staleness: metrics.gauge(
      'isthmus_remote_staleness_seconds',
      'Time since the head of the cluster last advanced, by this receiver',
      ['cluster'],
    ),
    liveness: metrics.gauge('isthmus_peer_liveness', '1 for the verdict on the peer that holds now', [
      'cluster',
      'verdict',
    ]),
  };
}

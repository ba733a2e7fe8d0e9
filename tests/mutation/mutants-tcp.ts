/** Settings of imported TCP services: `tcp|` clusters, their endpoints, and `tcp_proxy`. */
import { TYPE_URL } from '../../gateway-config/snapshot.ts';
import * as importer from './checks-importer.ts';
import { edit, without, withValue } from './edits.ts';
import type { Mutant } from './mutant.ts';

const CLUSTER = 'gateway-config/resources/cluster-settings.ts';
const TCP = /^tcp\|/;

export const TCP_MUTANTS: readonly Mutant[] = [
  {
    name: 'tcp-one-attempt',
    setting: 'TcpProxy.max_connect_attempts (default 1)',
    file: 'gateway-config/resources/listener-egress-tcp.ts',
    why: 'a connection that meets a dead endpoint first would be closed',
    check: importer.OWN_PODS_DEAD_TCP,
    edit: edit(TYPE_URL.listener, /^egress\|/, without('max_connect_attempts')),
  },
  {
    name: 'tcp-merge-window-default',
    setting: 'common_lb_config.update_merge_window of tcp| (default 1 s)',
    file: CLUSTER,
    why: 'the second dead pod would stay in use for up to a second after its ejection',
    check: importer.OWN_PODS_DEAD_TCP,
    edit: edit(TYPE_URL.cluster, TCP, without('update_merge_window')),
  },
  {
    name: 'tcp-never-ejects',
    setting: 'outlier_detection of tcp|',
    file: CLUSTER,
    why: 'all attempts would go to the priority whose endpoints are dead',
    check: importer.OWN_PODS_DEAD_TCP,
    edit: edit(TYPE_URL.cluster, TCP, without('outlier_detection')),
  },
  {
    name: 'tcp-ejects-one-tenth',
    setting: 'outlier_detection.max_ejection_percent of tcp| (default 10)',
    file: CLUSTER,
    why: 'the pods that may not be ejected would keep the dead priority in use',
    check: importer.OWN_PODS_DEAD_TCP,
    edit: edit(TYPE_URL.cluster, TCP, without('max_ejection_percent')),
  },
  {
    name: 'tcp-ejects-late',
    setting: 'outlier_detection.consecutive_local_origin_failure: 1 of tcp| (default 5)',
    file: CLUSTER,
    why: 'the attempts of a connection would be used up before four dead pods are out',
    check: importer.OWN_PODS_DEAD_TCP,
    edit: edit(TYPE_URL.cluster, TCP, without('consecutive_local_origin_failure')),
  },
  {
    name: 'tcp-overprovisioning-default',
    setting: 'endpoints of tcp|: policy.overprovisioning_factor (default 140)',
    file: 'gateway-config/resources/endpoints.ts',
    why: 'with one of two own pods dead a third of the connections would leave the site',
    check: importer.HALF_OF_OWN_PODS,
    edit: edit(TYPE_URL.endpoints, TCP, withValue('overprovisioning_factor', 140)),
  },
  {
    name: 'tcp-shares-by-gateway',
    setting: 'common_lb_config.locality_weighted_lb_config of tcp|',
    file: 'gateway-config/resources/cluster-tcp.ts',
    why: 'peers would share by the number of their gateways and not by their ready endpoints',
    check: importer.SHARES_TCP,
    edit: edit(TYPE_URL.cluster, TCP, without('locality_weighted_lb_config')),
  },
];

import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { NewSite } from '../controller/enrol/site-document.ts';
import { DEFAULT_STATE_DIR } from './admin-client.ts';
import type { Io } from './io.ts';

/** What `init` and `join` both ask about the site that they make. Everything has a default but the gateway's address. */
export interface EnrolOptions {
  readonly cluster?: string;
  readonly network?: string;
  readonly region?: string;
  readonly zone?: string;
  readonly gatewayAddress?: string;
  readonly gatewayPort?: string;
  readonly listenAddress?: string;
  readonly egressAddress?: string;
  readonly services: readonly string[];
  readonly podCidrs: readonly string[];
  readonly failBackAfter?: string;
  readonly withdrawAfter?: string;
  readonly leafLifetime?: string;
  readonly healthListen?: string;
  readonly metricsListen?: string;
  readonly stateDir?: string;
  readonly up?: boolean;
}

export function addEnrolOptions(command: Command): Command {
  return command
    .option('--network <name>', "this site's network; default: the cluster's name")
    .option('--region <name>', 'region, for the order of failover')
    .option('--zone <name>', 'zone in the region')
    .option('--gateway-address <host>', 'where gateways of other sites reach this one: IP address or DNS name')
    .option('--gateway-port <port>', 'port of the gateway for other sites; default: 15443')
    .option('--listen-address <ip>', 'address that the gateway listens on for other sites; default: 0.0.0.0')
    .option('--egress-address <ip>', 'address through which workloads of this site call; default: 127.0.0.1')
    .option('--services <path>', 'file or folder with Service documents; may be repeated', collect, [])
    .option('--pod-cidrs <cidr>', 'address range of this site; may be repeated', collect, [])
    .option('--fail-back-after <duration>', 'hold before a returned peer gets traffic')
    .option('--withdraw-after <duration>', 'hold before a dead peer is withdrawn')
    .option('--leaf-lifetime <duration>', 'lifetime of gateway certificates')
    .option('--health-listen <host:port>', 'address of /healthz and /readyz, or off')
    .option('--metrics-listen <host:port>', 'address of /metrics, or off')
    .option('--state-dir <dir>', `state folder of the site; default: ISTHMUS_STATE_DIR or ${DEFAULT_STATE_DIR}`)
    .option('--up', 'go on and run the site in the foreground');
}

export function stateDirOf(options: EnrolOptions, io: Io): string {
  return resolve(io.cwd, options.stateDir ?? io.env['ISTHMUS_STATE_DIR'] ?? DEFAULT_STATE_DIR);
}

type Facts = Pick<NewSite, 'cluster' | 'clusterset' | 'store' | 'joinStore' | 'authority' | 'dev' | 'storeListen'>;

export function newSite(options: EnrolOptions, facts: Facts, io: Io): NewSite {
  return {
    ...facts,
    network: options.network ?? facts.cluster,
    region: options.region,
    zone: options.zone,
    stateDir: stateDirOf(options, io),
    services: options.services.map((path) => resolve(io.cwd, path)),
    gatewayAddress: options.gatewayAddress,
    gatewayPort: options.gatewayPort === undefined ? undefined : Number(options.gatewayPort),
    listenAddress: options.listenAddress,
    egressAddress: options.egressAddress,
    podCIDRs: options.podCidrs,
    failBackAfter: options.failBackAfter,
    withdrawAfter: options.withdrawAfter,
    leafLifetime: options.leafLifetime,
    healthListen: options.healthListen,
    metricsListen: options.metricsListen,
  };
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, ...value.split(',').filter((part) => part !== '')];
}

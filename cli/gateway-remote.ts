import { resolve } from 'node:path';
import { z } from 'zod';
import { parseListenAddress } from '../controller/config/site-fields.ts';
import { SITE_SPEC_SCHEMA } from '../controller/config/site-schema.ts';
import type { ListenAddress } from '../controller/config/site.ts';
import type { ControllerPlace } from '../gateway-config/agent/controller-names.ts';
import { ControllerLogin } from '../gateway-config/agent/controller-login.ts';
import { gatewayOfToken } from '../trust/gateway-token.ts';
import { readServiceAccountClaims } from '../trust/service-account-token.ts';
import { type ConfigOptions, configFile, siteFrom } from './config-options.ts';
import { UsageError } from './exit.ts';
import type { Io } from './io.ts';

/**
 * `isthmus gateway run --controller ...`: a gateway whose controller is on another host or in another pod. It needs no
 * Site of its own; what it takes from one, where there is one, is region, zone, state folder and log level.
 */
export interface RemoteFlags {
  readonly controller?: string;
  readonly controllerCa?: string;
  readonly tokenFile?: string;
}

export interface RemoteRun {
  readonly places: readonly ControllerPlace[];
  readonly login: ControllerLogin;
  /** Where the agent answers probes and scrapers. Absent: nowhere. */
  readonly health: ListenAddress | undefined;
  readonly metrics: ListenAddress | undefined;
}

export interface GatewaySite {
  readonly cluster?: string | undefined;
  readonly stateDir: string;
  readonly region?: string | undefined;
  readonly zone?: string | undefined;
  readonly logLevel: z.output<typeof SITE_SPEC_SCHEMA>['logLevel'];
}

const PLACES_MAX = 16;
const HINT = 'e.g. --controller isthmus-controller.isthmus-system.svc:15010 --controller-ca ca.pem --token-file token';

/** Undefined without `--controller`. @throws UsageError */
export function remoteRun(flags: RemoteFlags & ConfigOptions, io: Io): RemoteRun | undefined {
  const { controller, controllerCa, tokenFile } = flags;
  if (controller === undefined) {
    if (controllerCa === undefined && tokenFile === undefined) return undefined;
    throw new UsageError('--controller-ca and --token-file are for a gateway that is told its --controller', HINT);
  }
  if (controllerCa === undefined || tokenFile === undefined) {
    throw new UsageError('--controller needs --controller-ca and --token-file', HINT);
  }
  const login = new ControllerLogin({ caFile: resolve(io.cwd, controllerCa), tokenFile: resolve(io.cwd, tokenFile) });
  const health = listenFlag(flags['healthListen'] ?? io.env['ISTHMUS_HEALTH_LISTEN'], '--health-listen');
  const metrics = listenFlag(flags['metricsListen'] ?? io.env['ISTHMUS_METRICS_LISTEN'], '--metrics-listen');
  return { places: parsePlaces(controller), login, health, metrics };
}

/** `--gateway`, else whom the token names. @throws UsageError, LoginFileError */
export function remoteGatewayName(named: string | undefined, login: ControllerLogin): string {
  if (named !== undefined) return named;
  const token = login.token();
  const name = gatewayOfToken(token) ?? readServiceAccountClaims(token)?.pod;
  if (name === undefined) throw new UsageError('the token does not say which gateway this is', 'give --gateway NAME');
  return name;
}

/** Undefined when `--print-config` has said it all. */
export async function remoteSite(flags: ConfigOptions, io: Io): Promise<GatewaySite | undefined> {
  if (configFile(flags, io) !== undefined || flags.printConfig === true) return siteFrom(flags, io);
  const given = (name: string, variable: string): string | undefined => text(flags[name]) ?? text(io.env[variable]);
  const read = settingsSchema.safeParse({
    stateDir: given('stateDir', 'ISTHMUS_STATE_DIR'),
    region: given('region', 'ISTHMUS_REGION'),
    zone: given('zone', 'ISTHMUS_ZONE'),
    logLevel: given('logLevel', 'ISTHMUS_LOG_LEVEL'),
  });
  if (!read.success) throw new UsageError(z.prettifyError(read.error), 'see isthmus gateway run --help');
  return { ...read.data, stateDir: resolve(io.cwd, read.data.stateDir) };
}

const settingsSchema = SITE_SPEC_SCHEMA.pick({ stateDir: true, region: true, zone: true, logLevel: true });

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function parsePlaces(list: string): readonly ControllerPlace[] {
  const places = list.split(',').map((item) => {
    const place = parseListenAddress(item.trim());
    if (place !== undefined && place.port !== 0) return place;
    throw new UsageError(`--controller ${JSON.stringify(item.slice(0, 80))} is not HOST:PORT`, HINT);
  });
  if (places.length > PLACES_MAX) throw new UsageError(`--controller names more than ${PLACES_MAX} places`, HINT);
  return places;
}

function listenFlag(value: unknown, flag: string): ListenAddress | undefined {
  if (typeof value !== 'string' || value === '' || value === 'off') return undefined;
  const address = parseListenAddress(value);
  if (address === undefined)
    throw new UsageError(`${flag} ${JSON.stringify(value.slice(0, 80))} is not HOST:PORT`, HINT);
  return address;
}

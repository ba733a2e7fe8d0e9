/**
 * What `isthmus store check` finds out about a Redis or Valkey store, as values: `check-probe.ts` asks for them,
 * `check.ts` judges them.
 */
export type RedisMode = 'standalone' | 'sentinel' | 'cluster';

/** Whether the server let a probe pass. `unknown`: it could not be asked. */
export type Right = 'granted' | 'refused' | 'unknown';

export interface RedisFacts {
  readonly mode: RedisMode;
  readonly isTls: boolean;
  /** Every server is on this machine. */
  readonly isLoopback: boolean;
  /** The own cluster; absent: nobody said as whom to look, and what is own cannot be tried. */
  readonly cluster?: string | undefined;
  readonly isAuthority: boolean;
  /** As the server names the login. */
  readonly user: string;
  readonly rights: RightFacts;
  /** Why a write that is allowed failed, in the words of the server. */
  readonly writeProblem?: string | undefined;
  /** One for each primary. */
  readonly nodes: readonly NodeFacts[];
  readonly clusterState?: ClusterStateFacts | undefined;
  readonly sentinel?: SentinelFacts | undefined;
  readonly latency: LatencyFacts;
}

export interface RightFacts {
  readonly readRoster: Right;
  readonly readOthers: Right;
  readonly writeOwn: Right;
  readonly writeOthers: Right;
  readonly writeRoster: Right;
  readonly readJoins: Right;
  readonly scripting: Right;
  readonly flush: Right;
  readonly configuration: Right;
  /** Of a connection without any login. */
  readonly anonymous: Right;
}

export interface NodeFacts {
  /** HOST:PORT */
  readonly place: string;
  /** `redis`, `valkey`, or what a server of another kind calls itself. */
  readonly product: string;
  readonly version: string;
  readonly role: string;
  readonly replicas: number;
  readonly memory: { readonly usedBytes: number; readonly maxBytes: number; readonly policy: string };
  readonly persistence: PersistenceFacts;
  /** The server's clock minus ours, ms. */
  readonly clockOffsetMs: number;
}

export interface PersistenceFacts {
  readonly hasAppendOnlyFile: boolean;
  /** Unix s of the last snapshot that was saved; the server's own start when there was none. */
  readonly lastSaveS: number;
  readonly startedS: number;
  readonly isSnapshotOk: boolean;
  readonly isAppendOk: boolean;
}

export interface ClusterStateFacts {
  readonly state: string;
  readonly slotsAssigned: number;
  readonly slotsFailing: number;
}

export interface SentinelFacts {
  readonly sentinels: number;
  readonly quorum: number;
  readonly replicas: number;
}

/** ms */
export interface LatencyFacts {
  readonly pingP50Ms: number;
  readonly pingP99Ms: number;
  /** WATCH, MULTI, EXEC as a commit does it. Absent when writing is not allowed. */
  readonly transactionP50Ms?: number | undefined;
  readonly transactionP99Ms?: number | undefined;
}

/** Lines of INFO: `name:value`. What a server does not say is missing. */
export function parseInfo(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0 && !line.startsWith('#')) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}

/** @param info of sections server, memory, persistence and replication */
export function nodeFactsOf(info: ReadonlyMap<string, string>, place: string, clockOffsetMs: number): NodeFacts {
  const startedS = number(info, 'server_time_usec') / 1e6 - number(info, 'uptime_in_seconds');
  return {
    place,
    ...productOf(info),
    role: info.get('role') ?? 'unknown',
    replicas: number(info, 'connected_slaves'),
    memory: {
      usedBytes: number(info, 'used_memory'),
      maxBytes: number(info, 'maxmemory'),
      policy: info.get('maxmemory_policy') ?? 'unknown',
    },
    persistence: {
      hasAppendOnlyFile: info.get('aof_enabled') === '1',
      lastSaveS: number(info, 'rdb_last_save_time'),
      startedS,
      isSnapshotOk: info.get('rdb_last_bgsave_status') !== 'err',
      isAppendOk: info.get('aof_last_write_status') !== 'err',
    },
    clockOffsetMs,
  };
}

/** Valkey names itself and goes on naming the Redis version that it is compatible with. */
function productOf(info: ReadonlyMap<string, string>): { readonly product: string; readonly version: string } {
  const valkey = info.get('valkey_version');
  if (valkey !== undefined) return { product: 'valkey', version: valkey };
  const dragonfly = info.get('dragonfly_version');
  if (dragonfly !== undefined) return { product: 'dragonfly', version: dragonfly };
  const version = info.get('redis_version');
  if (version === undefined) return { product: 'unknown', version: '' };
  return { product: info.get('server_name') ?? 'redis', version };
}

function number(info: ReadonlyMap<string, string>, name: string): number {
  const value = Number(info.get(name) ?? '');
  return Number.isFinite(value) ? value : 0;
}

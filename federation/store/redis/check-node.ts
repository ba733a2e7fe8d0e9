import { type CheckFinding, problem, remark, warning } from '../check-finding.ts';
import type { NodeFacts, PersistenceFacts, RedisMode } from './check-facts.ts';
import { isOldServer, oldestServer } from './server-version.ts';

/** One server of the store: version, role, memory, persistence, clock. */
export function checkNode(node: NodeFacts, mode: RedisMode): readonly CheckFinding[] {
  return [
    ...checkVersion(node),
    ...checkRole(node),
    ...checkMemory(node),
    ...checkPersistence(node),
    ...checkCopies(node, mode),
    ...checkClock(node),
  ];
}

function checkVersion({ place, product, version }: NodeFacts): readonly CheckFinding[] {
  const oldest = oldestServer(product);
  if (oldest === undefined) {
    const message = `${place} is neither Redis nor Valkey but ${JSON.stringify(product)}, which was never tried`;
    return [warning('UnknownServer', message, 'run Redis 7.0 or Valkey 7.2, or later')];
  }
  if (!isOldServer(product, version)) return [];
  const message = `${place} is ${product} ${version}, too old: its access rules cannot tell reading from writing`;
  return [problem('ServerTooOld', message, `run ${product} ${oldest} or later`)];
}

function checkRole({ place, role }: NodeFacts): readonly CheckFinding[] {
  if (role === 'master') return [];
  if (role === 'sentinel') {
    const hint = 'use redis+sentinel://HOST:26379/MASTER';
    return [problem('IsSentinel', `${place} is a Sentinel and keeps no data`, hint)];
  }
  const hint = 'name the primary, or let it be found: redis+sentinel://HOST:26379/MASTER';
  return [problem('IsReplica', `${place} is a replica and takes no writes`, hint)];
}

/** From here on the next clusters to join may be too much. */
const NEARLY_FULL = 0.8;

function checkMemory({ place, memory }: NodeFacts): readonly CheckFinding[] {
  const { usedBytes, maxBytes, policy } = memory;
  const findings: CheckFinding[] = [];
  if (policy !== 'noeviction') {
    const message = `${place} deletes data when its memory is full (maxmemory-policy ${policy})`;
    const hint = 'CONFIG SET maxmemory-policy noeviction: a full store should refuse, not forget';
    const isLimited = maxBytes > 0;
    findings.push(isLimited ? problem('Evicting', message, hint) : warning('Evicting', message, hint));
  }
  if (maxBytes === 0) {
    findings.push(remark('NoMemoryLimit', `${place} has no maxmemory: it may grow until the machine ends it`));
  } else if (usedBytes >= maxBytes) {
    const message = `${place} is full: ${megabytes(usedBytes)} of ${megabytes(maxBytes)}, and refuses writes`;
    findings.push(problem('MemoryFull', message, 'raise maxmemory, or find what else is in it'));
  } else if (usedBytes >= maxBytes * NEARLY_FULL) {
    const message = `${place} is nearly full: ${megabytes(usedBytes)} of ${megabytes(maxBytes)}`;
    findings.push(warning('MemoryNearlyFull', message, 'raise maxmemory'));
  }
  return findings;
}

function checkPersistence({ place, persistence }: NodeFacts): readonly CheckFinding[] {
  if (!persistence.isSnapshotOk || !persistence.isAppendOk) {
    const message = `${place} could not write to its disk the last time, and may refuse writes (MISCONF)`;
    return [problem('DiskFailing', message, 'look at its log: a full disk, or a folder it may not write to')];
  }
  if (isPersistent(persistence)) return [];
  const message = `${place} keeps nothing on disk: a restart empties it. The clusters publish again within seconds`;
  return [remark('NoPersistence', message, 'appendonly yes makes a restart unnoticed')];
}

/** Snapshots cannot be asked for without the right to read the configuration; one that was saved since the start tells. */
function isPersistent({ hasAppendOnlyFile, lastSaveS, startedS }: PersistenceFacts): boolean {
  return hasAppendOnlyFile || lastSaveS > startedS + 1;
}

function checkCopies({ place, replicas }: NodeFacts, mode: RedisMode): readonly CheckFinding[] {
  if (mode === 'standalone' || replicas > 0) return [];
  const message = `${place} has no replica: when it is lost, so is what it holds until its clusters publish again`;
  return [warning('NoReplica', message, 'add one')];
}

/** Tokens live minutes. */
const CLOCK_OFFSET_MS_MAX = 30_000;

function checkClock({ place, clockOffsetMs }: NodeFacts): readonly CheckFinding[] {
  if (Math.abs(clockOffsetMs) < CLOCK_OFFSET_MS_MAX) return [];
  const seconds = Math.round(Math.abs(clockOffsetMs) / 1000);
  const side = clockOffsetMs > 0 ? 'ahead of' : 'behind';
  const message = `the clock of ${place} is ${seconds} s ${side} the one here: join tokens end too early or too late`;
  return [warning('ClockOffset', message, 'let both follow the same time (NTP)')];
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

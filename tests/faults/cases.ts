/** All cases of `make test-faults`, in the order of the table. */
import { bgsaveFailed } from './cases/bgsave-failed.ts';
import { certificatesRotated } from './cases/certificates-rotated.ts';
import { channelDenied } from './cases/channel-denied.ts';
import { clientPause } from './cases/client-pause.ts';
import { coldStartInTheDark } from './cases/cold-start-in-the-dark.ts';
import { connectionsReset } from './cases/connections-reset.ts';
import { credentialsRotated } from './cases/credentials-rotated.ts';
import { eviction } from './cases/eviction.ts';
import { failoverLostWrites } from './cases/failover-lost-writes.ts';
import { flushall } from './cases/flushall.ts';
import { flushallWhileStarting } from './cases/flushall-while-starting.ts';
import { foreignData } from './cases/foreign-data.ts';
import { gatewaysUnderFaults } from './cases/gateways-under-faults.ts';
import { halfOpen } from './cases/half-open.ts';
import { hugeValues } from './cases/huge-values.ts';
import { leaseClockJumps } from './cases/lease-clock-jumps.ts';
import { masterReplaced } from './cases/master-replaced.ts';
import { movedBehindName } from './cases/moved-behind-name.ts';
import { noticesReplayed } from './cases/notices-replayed.ts';
import { oldBackup } from './cases/old-backup.ts';
import { oldPrimaryWakes } from './cases/old-primary-wakes.ts';
import { oldStatePinned } from './cases/old-state-pinned.ts';
import { oldStatePutBack } from './cases/old-state-put-back.ts';
import { oneMasterKilled } from './cases/one-master-killed.ts';
import { orderlyFailover } from './cases/orderly-failover.ts';
import { outOfMemory } from './cases/out-of-memory.ts';
import { partitionOfOne } from './cases/partition-of-one.ts';
import { pausedInACommit } from './cases/paused-in-a-commit.ts';
import { pubsubDead } from './cases/pubsub-dead.ts';
import { readonlyPrimary } from './cases/readonly-primary.ts';
import { reconnectStorm } from './cases/reconnect-storm.ts';
import { restartInTheDark } from './cases/restart-in-the-dark.ts';
import { rightsMissing } from './cases/rights-missing.ts';
import { secondStoreCarries } from './cases/second-store-carries.ts';
import { secondStoreIsOld } from './cases/second-store-is-old.ts';
import { singleKeysLost } from './cases/single-keys-lost.ts';
import { slotMoves } from './cases/slot-moves.ts';
import { slowDrip } from './cases/slow-store.ts';
import { storeHangs } from './cases/store-hangs.ts';
import { storeKilled } from './cases/store-killed.ts';
import { storeSwap } from './cases/store-swap.ts';
import { subscribersKilled } from './cases/subscribers-killed.ts';
import { transactionsNotReplayed } from './cases/transactions-not-replayed.ts';
import { userDeleted } from './cases/user-deleted.ts';
import { emptyWhileNobodyWrites } from './cases/writes-paused.ts';
import { HOSTILE_CASES } from '../hostile/cases.ts';
import type { FaultCase } from './suite.ts';

export const CASES: readonly FaultCase[] = [
  storeKilled,
  storeHangs,
  clientPause,
  pausedInACommit,
  halfOpen,
  connectionsReset,
  slowDrip,
  restartInTheDark,
  coldStartInTheDark,
  partitionOfOne,
  failoverLostWrites,
  orderlyFailover,
  oldPrimaryWakes,
  oldBackup,
  transactionsNotReplayed,
  flushall,
  emptyWhileNobodyWrites,
  flushallWhileStarting,
  readonlyPrimary,
  outOfMemory,
  eviction,
  singleKeysLost,
  bgsaveFailed,
  pubsubDead,
  subscribersKilled,
  channelDenied,
  noticesReplayed,
  oldStatePutBack,
  oldStatePinned,
  hugeValues,
  foreignData,
  movedBehindName,
  slotMoves,
  oneMasterKilled,
  masterReplaced,
  credentialsRotated,
  userDeleted,
  rightsMissing,
  certificatesRotated,
  reconnectStorm,
  leaseClockJumps,
  secondStoreCarries,
  secondStoreIsOld,
  storeSwap,
  gatewaysUnderFaults,
  ...HOSTILE_CASES,
];

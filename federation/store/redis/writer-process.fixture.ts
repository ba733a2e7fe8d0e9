import process from 'node:process';
import { commitOf, EAST } from '../conformance/rig.fixture.ts';
import { FencedError, StaleCommitError } from '../contract.ts';
import { parseRedisAddress } from './address.ts';
import { redisComponents } from './rig.fixture.ts';
import { RedisStore } from './store.ts';

/**
 * Another process that writes: `node writer-process.fixture.ts URL CLUSTERSET WRITER COMMITS RECORDS`. All records of a
 * commit carry one mark. Ends with 0 when each commit was either made or refused by the fence.
 */
const [url = '', clusterset = '', writerId = '', commits = '0', records = '1'] = process.argv.slice(2);
const store = new RedisStore(redisComponents(), { address: parseRedisAddress(url), clusterset });
for (let version = 1; version <= Number(commits); version += 1) {
  const mark = `${writerId}.${version}`;
  const keys = Array.from({ length: Number(records) }, (_, index) => [`r${index}`, mark] as const);
  try {
    await store.commit(commitOf(EAST, { epoch: version, writerId, version }, Object.fromEntries(keys)));
  } catch (error) {
    if (!(error instanceof FencedError || error instanceof StaleCommitError)) throw error;
  }
}
await store[Symbol.asyncDispose]();

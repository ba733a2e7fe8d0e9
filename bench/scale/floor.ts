/**
 * The least that a start could cost: read every record from the store, hash it and parse it, in a process of its own.
 * `node bench/scale/floor.ts STORE-URL`
 */
import { hash } from 'node:crypto';
import { EmbeddedStore } from '../../federation/store/embedded.ts';
import { benchComponents } from './components.ts';

const path = (process.argv[2] ?? '').replace(/^embedded:/, '');
const store = await EmbeddedStore.open(benchComponents(), { path });
const decoder = new TextDecoder();
let parsed = 0;
for (const cluster of (await store.heads()).keys()) {
  const stored = await store.read(cluster);
  for (const bytes of stored?.records.values() ?? []) {
    hash('sha256', bytes, 'hex');
    if (JSON.parse(decoder.decode(bytes)) !== undefined) parsed += 1;
  }
}
process.send?.({ parsed, sinceStartMs: performance.now() });
await store[Symbol.asyncDispose]();

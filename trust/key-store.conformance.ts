import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KeyStore } from './key-store.ts';
import { InvalidKeyNameError } from './key-store.ts';
import { PrivateKey } from './private-key.ts';

/** What every key store promises. `open` gives a new, empty store each time. */
export function keyStoreConformance(name: string, open: () => Promise<KeyStore>): void {
  test(`${name}: a key that was never saved is undefined`, async () => {
    assert.equal(await (await open()).load('cluster-ca'), undefined);
  });

  test(`${name}: a saved key comes back, and saving again replaces it`, async () => {
    const store = await open();
    const [first, second] = [PrivateKey.generate(), PrivateKey.generate()];
    await store.save('cluster-ca', first);
    assert.deepEqual((await store.load('cluster-ca'))?.publicKey, first.publicKey);
    await store.save('cluster-ca', second);
    assert.deepEqual((await store.load('cluster-ca'))?.publicKey, second.publicKey);
  });

  test(`${name}: names are apart from each other`, async () => {
    const store = await open();
    const key = PrivateKey.generate();
    await store.save('root', key);
    assert.equal(await store.load('root2'), undefined);
    assert.deepEqual((await store.load('root'))?.publicKey, key.publicKey);
  });

  test(`${name}: saves of one name at the same time leave the last`, async () => {
    const store = await open();
    const keys = Array.from({ length: 5 }, () => PrivateKey.generate());
    await Promise.all(keys.map((key) => store.save('controller', key)));
    assert.deepEqual((await store.load('controller'))?.publicKey, keys.at(-1)?.publicKey);
  });

  test(`${name}: a name that could lead elsewhere is refused`, async () => {
    const store = await open();
    for (const bad of ['', '..', '../x', 'a/b', 'A', '.hidden', 'a.pem', 'x'.repeat(64), 'a\0']) {
      await assert.rejects(store.load(bad), InvalidKeyNameError, JSON.stringify(bad));
      await assert.rejects(store.save(bad, PrivateKey.generate()), InvalidKeyNameError, JSON.stringify(bad));
    }
  });
}

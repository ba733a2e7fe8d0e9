import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { EnvoyMissingError, findEnvoy } from './envoy-binary.ts';
import { makeFolder } from './site.fixture.ts';

test('the flag wins over the environment, and the environment over what is found', async () => {
  await using folder = await makeFolder();
  const [flag, env] = [join(folder.path, 'flag'), join(folder.path, 'env')];
  for (const path of [flag, env]) {
    await writeFile(path, '');
    await chmod(path, 0o700);
  }
  assert.equal(findEnvoy({ flag, env: { ISTHMUS_ENVOY: env } }), flag);
  assert.equal(findEnvoy({ env: { ISTHMUS_ENVOY: env } }), env);
  assert.match(findEnvoy({ env: {} }), /envoy$/);
});

test('a chosen envoy that is not there is one clear error, not a reason to take another', () => {
  assert.throws(
    () => findEnvoy({ flag: '/nowhere/envoy', env: {} }),
    (error: unknown) => {
      assert.ok(error instanceof EnvoyMissingError);
      assert.equal(error.message, 'no executable envoy at /nowhere/envoy');
      assert.match(error.hint ?? '', /ISTHMUS_ENVOY/);
      return true;
    },
  );
});

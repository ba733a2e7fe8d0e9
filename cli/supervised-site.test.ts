import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { loadConfig } from '../controller/config/load.ts';
import type { Io } from './io.ts';
import { siteParts } from './supervised-site.ts';

const io: Io = {
  stdout: new PassThrough(),
  stderr: new PassThrough(),
  env: {},
  cwd: '/nowhere',
  stopSignal: () => new AbortController().signal,
};

test('every store that `up` was given is handed on to its parts', async () => {
  const flags = {
    ...{ cluster: 'east', clusterset: 'prod.example.org', network: 'a', stateDir: '/nowhere/state' },
    store: ['memory:a', 'redis+cluster://h:1,h:2'],
    authority: false,
  };
  const loaded = await loadConfig({ env: {}, flags, cwd: '/nowhere' });
  assert.ok(loaded.ok, JSON.stringify(loaded.findings));
  assert.equal(loaded.config.store.length, 2);
  for (const { args } of siteParts(loaded.config, flags, io)) {
    const stores = args.flatMap((arg, index) => (arg === '--store' ? [args[index + 1]] : []));
    assert.deepEqual(stores, flags.store);
    assert.ok(args.includes('--no-authority'));
    assert.equal(args[args.indexOf('--cluster') + 1], 'east');
  }
});

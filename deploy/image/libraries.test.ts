import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LibraryMissingError, parseLdd, sharedLibraries } from './libraries.ts';

test('libraries and the loader are found, the part that the kernel maps is not a file', () => {
  const text = [
    '\tlinux-vdso.so.1 (0x00007fd758d2d000)',
    '\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007fd758c37000)',
    '\t/lib64/ld-linux-x86-64.so.2 (0x00007fd758d2f000)',
    '',
  ].join('\n');
  assert.deepEqual(parseLdd('node', text), ['/lib/x86_64-linux-gnu/libm.so.6', '/lib64/ld-linux-x86-64.so.2']);
});

test('a library that is not there ends the build with its name', () => {
  assert.throws(
    () => parseLdd('node', '\tlibatomic.so.1 => not found\n'),
    (error) => error instanceof LibraryMissingError && error.message.includes('libatomic.so.1'),
  );
});

test('of this very Node the C library is found', () => {
  assert.ok(sharedLibraries(process.execPath).some(({ path }) => path.includes('libc.so')));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fullReference } from './layout.ts';

/** The names under which containerd keeps what a pod's `image` says, by the rules of Docker's references. */
test('a short name is one of the default registry, any other is what it says', () => {
  const names = [
    ['isthmus:1.0.0', 'docker.io/library/isthmus:1.0.0'],
    ['acme/isthmus:1.0.0', 'docker.io/acme/isthmus:1.0.0'],
    ['registry.example.org/isthmus:1.0.0', 'registry.example.org/isthmus:1.0.0'],
    ['registry:5000/isthmus:1.0.0', 'registry:5000/isthmus:1.0.0'],
    ['localhost/isthmus:1.0.0', 'localhost/isthmus:1.0.0'],
  ];
  for (const [given = '', full] of names) assert.equal(fullReference(given), full);
});

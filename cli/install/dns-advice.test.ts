import assert from 'node:assert/strict';
import { test } from 'node:test';
import { advise, dnsAdvice } from './dns-advice.ts';

const COREFILE = '.:53 {\n    errors\n    kubernetes cluster.local {\n        pods insecure\n    }\n}\n';

test('an old CoreDNS is told to forward to the DNS Service, a new one to answer by itself', () => {
  const old = advise({ image: 'registry.k8s.io/coredns/coredns:v1.12.1', corefile: COREFILE, servers: ['10.96.0.77'] });
  assert.match(old ?? '', /forward \. 10\.96\.0\.77:53/);
  const recent = advise({ image: 'coredns/coredns:1.12.2', corefile: COREFILE, servers: ['10.96.0.77'] });
  assert.match(recent ?? '', /multicluster clusterset\.local/);
});

test('a Corefile that has it already needs nothing', () => {
  const image = 'coredns/coredns:1.13.0';
  const text = advise({ image, corefile: COREFILE, servers: [] }) ?? '';
  const patched = text.slice(text.indexOf('\n') + 1);
  assert.equal(advise({ image, corefile: patched, servers: [] }), undefined);
});

test('a dry run prints both ways as comments, so that its output stays YAML', () => {
  const lines = dnsAdvice('isthmus-system').trimEnd().split('\n');
  assert.ok(lines.every((line) => line.startsWith('#')));
  assert.ok(lines.some((line) => line.includes('forward . 192.0.2.53:53')));
  assert.ok(lines.some((line) => line.includes('multicluster clusterset.local')));
});

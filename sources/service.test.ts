import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_DOCUMENTS, readServicesFile } from './file-content.ts';
import { appProtocolOf } from './service.ts';

const HEAD = 'apiVersion: isthmus.dev/v1alpha1\nkind: Service\n';

function onlyService(text: string) {
  const content = readServicesFile(text, 'shop.yaml');
  assert.ok(content.ok, JSON.stringify(content));
  assert.equal(content.services.length, 1);
  return content.services[0];
}

/** `line field reason` of each finding. */
function problems(text: string): string[] {
  const content = readServicesFile(text, 'shop.yaml');
  assert.ok(!content.ok, 'the file is valid');
  return content.findings.map(({ line, field, reason }) => `${line} ${field ?? '-'} ${reason}`);
}

test('a full document becomes the model of a local service', () => {
  const service = onlyService(`${HEAD}metadata:
  namespace: shop
  name: web
  labels: {tier: front}
spec:
  export: true
  exportedAt: 2026-11-24T12:00:00Z
  grantedTo: [west, edge, west]
  ports:
    - {name: http, port: 80}
    - {name: admin, port: 9000, targetPort: 9001, appProtocol: grpc}
  endpoints:
    - {address: 10.0.0.10, ports: {http: 8080}, zone: a}
    - {address: 10.0.0.11, ports: {"9000": 9100}, ready: false}
  healthCheck: {type: http, path: /ready, interval: 500ms}
  sessionAffinity: ClientIP
`);
  assert.deepEqual(JSON.parse(JSON.stringify(service)), {
    service: {
      key: 'shop/web',
      namespace: 'shop',
      name: 'web',
      type: 'ClusterSetIP',
      ports: [
        { name: 'http', protocol: 'TCP', port: 80, appProtocol: 'http' },
        { name: 'admin', protocol: 'TCP', port: 9000, appProtocol: 'grpc' },
      ],
      sessionAffinity: 'ClientIP',
      labels: { tier: 'front' },
      annotations: {},
      grantedTo: ['edge', 'west'],
      exported: true,
      endpoints: [
        { address: '10.0.0.10', ports: { 80: 8080, 9000: 9001 }, ready: true, zone: 'a' },
        { address: '10.0.0.11', ports: { 80: 80, 9000: 9100 }, ready: false },
      ],
      healthCheck: { type: 'http', path: '/ready', intervalMs: 500, timeoutMs: 500 },
    },
    exportedAtMs: Date.UTC(2026, 10, 24, 12),
    file: 'shop.yaml',
    line: 1,
  });
});

test('a minimal document gets the defaults, and is not exported', () => {
  const service = onlyService(`${HEAD}metadata: {name: db}\nspec: {ports: [{port: 5432}]}\n`)?.service;
  assert.equal(service?.key, 'default/db');
  assert.equal(service?.exported, false);
  assert.deepEqual(service?.ports, [{ name: '', protocol: 'TCP', port: 5432, appProtocol: 'tcp' }]);
  assert.deepEqual(service?.endpoints, []);
});

for (const [port, protocol] of [
  [{ name: 'http' }, 'http'],
  [{ name: 'http-web' }, 'http'],
  [{ name: 'http2' }, 'http2'],
  [{ name: 'h2c-api' }, 'http2'],
  [{ name: 'grpc-api' }, 'grpc'],
  [{ name: 'https' }, 'tcp'],
  [{ name: 'web-http' }, 'tcp'],
  [{ name: 'constructor' }, 'tcp'],
  [{}, 'tcp'],
  [{ name: 'http', appProtocol: 'tcp' }, 'tcp'],
  [{ name: 'db', appProtocol: 'h2c' }, 'http2'],
] as const) {
  test(`port ${JSON.stringify(port)} is treated as ${protocol}`, () => assert.equal(appProtocolOf(port), protocol));
}

const WEB = `${HEAD}metadata: {name: web}\n`;

for (const [name, text, expected] of [
  ['no name', `${HEAD}metadata: {}\nspec: {ports: [{port: 80}]}\n`, ['3 metadata.name MissingField']],
  ['no ports', `${WEB}spec: {ports: []}\n`, ['4 spec.ports InvalidValue']],
  ['an unknown key', `${WEB}spec:\n  ports: [{port: 80}]\n  endpoint: []\n`, ['6 spec.endpoint UnknownField']],
  [
    'an invalid label',
    `${HEAD}metadata: {name: Web_1}\nspec: {ports: [{port: 80}]}\n`,
    ['3 metadata.name InvalidName'],
  ],
  [
    'unnamed and duplicate ports',
    `${WEB}spec:\n  ports:\n    - port: 80\n    - port: 80\n`,
    ['6 spec.ports[0].name MissingField', '7 spec.ports[1].name MissingField', '7 spec.ports[1].port DuplicatePort'],
  ],
  [
    'duplicate port names',
    `${WEB}spec:\n  ports:\n    - {name: a, port: 80}\n    - {name: a, port: 81}\n`,
    ['7 spec.ports[1].name DuplicatePort'],
  ],
  [
    'an endpoint port that the service does not have',
    `${WEB}spec:\n  ports: [{port: 80}]\n  endpoints:\n    - address: 10.0.0.1\n      ports: {htpt: 1}\n`,
    ['8 spec.endpoints[0].ports.htpt UnknownPort'],
  ],
  [
    'the same endpoint twice',
    `${WEB}spec:\n  ports: [{port: 80}]\n  endpoints:\n    - address: 10.0.0.1\n    - address: 10.0.0.1\n`,
    ['8 spec.endpoints[1] DuplicateEndpoint'],
  ],
  [
    'addresses that no endpoint can have',
    `${WEB}spec:\n  ports: [{port: 80}]\n  endpoints:\n    - address: 169.254.169.254\n    - address: 0.0.0.0\n    - address: 224.0.0.1\n    - address: "::ffff:10.0.0.1"\n    - address: fd00:ec2::254\n`,
    [7, 8, 9, 10, 11].map((line, index) => `${line} spec.endpoints[${index}].address InvalidAddress`),
  ],
  [
    'a host name as endpoint',
    `${WEB}spec:\n  ports: [{port: 80}]\n  endpoints: [{address: web.local}]\n`,
    ['6 spec.endpoints[0].address InvalidAddress'],
  ],
  [
    'a path for a tcp check',
    `${WEB}spec:\n  ports: [{port: 80}]\n  healthCheck: {type: tcp, path: /x}\n`,
    ['6 spec.healthCheck.path InvalidValue'],
  ],
  [
    'a check faster than allowed',
    `${WEB}spec:\n  ports: [{port: 80}]\n  healthCheck: {type: tcp, interval: 1ms}\n`,
    ['6 spec.healthCheck.interval InvalidDuration'],
  ],
  [
    'a time without zone',
    `${WEB}spec:\n  ports: [{port: 80}]\n  exportedAt: 2026-11-24T12:00:00\n`,
    ['6 spec.exportedAt InvalidValue'],
  ],
  ['a Kubernetes Service', `apiVersion: v1\nkind: Service\nmetadata: {name: x}\n`, ['1 apiVersion UnknownVersion']],
  ['an unknown kind', `${HEAD.replace('Service', 'Servcie')}metadata: {name: x}\n`, ['2 kind UnknownKind']],
  ['a list', `- a\n- b\n`, ['1 - WrongType']],
  ['nothing', ``, ['1 - EmptyFile']],
  ['only a comment', `# later\n`, ['1 - EmptyFile']],
  [
    'the same service twice',
    `${WEB}spec: {ports: [{port: 80}]}\n---\n${WEB}spec: {ports: [{port: 81}]}\n`,
    ['8 metadata.name DuplicateService'],
  ],
] as const) {
  test(`a file with ${name} is refused with line, field and reason`, () => assert.deepEqual(problems(text), expected));
}

test('a Site beside the services is left to the controller', () => {
  const content = readServicesFile(`${HEAD.replace('Service', 'Site')}metadata: {name: east}\n`, 'site.yaml');
  assert.deepEqual(content, { ok: true, ...NO_DOCUMENTS, warnings: [] });
});

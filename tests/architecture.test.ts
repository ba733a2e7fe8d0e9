/**
 * The dependency rule of ARCHITECTURE.md, checked over the source text: which folder may import which, that each
 * library has one door, and that nothing below the composition root reads a clock, starts a timer or draws a number.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '..');
const FOLDERS = [
  'runtime',
  'federation',
  'trust',
  'gateway-config',
  'topologies',
  'sources',
  'kubernetes',
  'controller',
  'cli',
  'demo',
];
const EVERYTHING = ['controller', 'cli', 'demo'];

/** folder -> path prefixes it may import besides itself */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  runtime: [],
  federation: ['runtime/', 'trust/', 'protos/gen/'],
  'federation/model': ['runtime/', 'trust/contract.ts', 'trust/spiffe.ts', 'trust/head-signature.ts'],
  trust: ['runtime/', 'federation/model/'],
  'gateway-config': ['runtime/', 'federation/model/', 'trust/', 'protos/gen/'],
  topologies: ['runtime/', 'federation/model/'],
  sources: ['runtime/', 'federation/model/'],
  kubernetes: ['runtime/', 'federation/model/', 'federation/store/contract.ts', 'trust/', 'sources/documents/'],
};

/** library -> files that may import it; grpc-js: one file per server or client role */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  'node-forge': ['trust/der.ts'],
  'p-queue': ['runtime/keyed-queue.ts'],
  'prom-client': ['runtime/metrics.ts'],
  pino: ['runtime/log.ts'],
  '@grpc/grpc-js': [
    'federation/store/remote/server.ts',
    'federation/store/remote/channel.ts',
    'gateway-config/xds/server.ts',
    'gateway-config/xds/remote-port.ts',
    'gateway-config/agent/upstream.ts',
    'gateway-config/agent/downstream.ts',
  ],
  ioredis: ['federation/store/redis/connection.ts'],
  '@kubernetes/client-node': ['kubernetes/client.ts'],
  'dns-packet': ['kubernetes/dns/codec.ts'],
  execa: [],
};

/** The only pure folders: no I/O module of node: but hashing. */
const PURE = ['federation/model', 'gateway-config/resources', 'topologies/planner.ts', 'controller/views'];
const PURE_ALLOWED_NODE = new Set(['node:crypto', 'node:net']);

interface Source {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

function sourcesBelow(folder: string): Source[] {
  const found: Source[] = [];
  for (const name of readdirSync(join(ROOT, folder))) {
    const path = join(folder, name);
    if (name === 'gen' || name === 'testdata') continue;
    if (statSync(join(ROOT, path)).isDirectory()) found.push(...sourcesBelow(path));
    else if (name.endsWith('.ts') && !isTestFile(name)) found.push(readSource(path));
  }
  return found;
}

function isTestFile(name: string): boolean {
  return name.endsWith('.test.ts') || name.endsWith('conformance.ts') || name.endsWith('.fixture.ts');
}

function readSource(path: string): Source {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const imports = [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map((match) => match[1] ?? '');
  return { path, text, imports };
}

const sources = FOLDERS.flatMap(sourcesBelow);

function allowedFor(path: string): readonly string[] | undefined {
  const folder = Object.keys(ALLOWED)
    .filter((prefix) => path.startsWith(`${prefix}/`))
    .sort((left, right) => right.length - left.length)[0];
  return folder === undefined ? undefined : [...(ALLOWED[folder] ?? []), `${folder}/`];
}

test('there are sources to check, so that this file cannot pass on an empty tree', () => {
  assert.ok(sources.length > 40, `only ${sources.length} sources found`);
});

test('a folder imports only what ARCHITECTURE.md lets it import', () => {
  const wrong: string[] = [];
  for (const source of sources) {
    if (EVERYTHING.some((folder) => source.path.startsWith(`${folder}/`))) continue;
    const allowed = allowedFor(source.path);
    assert.ok(allowed !== undefined, `no rule covers ${source.path}`);
    for (const target of source.imports.filter((name) => name.startsWith('.'))) {
      const path = relative(ROOT, resolve(ROOT, dirname(source.path), target));
      if (!allowed.some((prefix) => path === prefix || path.startsWith(prefix)))
        wrong.push(`${source.path} -> ${path}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('each library has one door', () => {
  const wrong: string[] = [];
  for (const source of sources) {
    for (const [library, doors] of Object.entries(DOORS)) {
      if (source.imports.includes(library) && !doors.includes(source.path)) wrong.push(`${source.path} -> ${library}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('clocks, timers and randomness are handed in outside runtime/', () => {
  const ambient =
    /\b(Date\.now\(|new Date\(\)|(?<!\.)setTimeout\(|setInterval\(|Math\.random\(|randomUUID\(|performance\.now\()/;
  const wrong = sources
    .filter((source) => !source.path.startsWith('runtime/'))
    .flatMap((source) =>
      source.text
        .split('\n')
        .map((line, index) => ({ line, at: `${source.path}:${index + 1}` }))
        .filter(({ line }) => ambient.test(line.replace(/^\s*(\*|\/\/).*/, '')))
        .map(({ at }) => at),
    );
  assert.deepEqual(wrong, []);
});

test('pure folders do no I/O', () => {
  const wrong: string[] = [];
  for (const source of sources.filter(({ path }) => PURE.some((pure) => path.startsWith(pure)))) {
    for (const name of source.imports) {
      if (name.startsWith('node:') && !PURE_ALLOWED_NODE.has(name)) wrong.push(`${source.path} -> ${name}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('no source file is larger than 16 KB', () => {
  const wrong = sources.filter(({ text }) => text.length > 16 * 1024).map(({ path, text }) => `${path} ${text.length}`);
  assert.deepEqual(wrong, []);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger, type LogLevel, silentLogger } from './log.ts';

/** As key and token types do it. */
class Secret {
  readonly #value: string;
  constructor(value: string) {
    this.#value = value;
  }
  reveal(): string {
    return this.#value;
  }
  toJSON(): string {
    return '[redacted]';
  }
}

function capture(level: LogLevel) {
  const lines: string[] = [];
  const log = createLogger({
    level,
    base: { cluster: 'east' },
    destination: { write: (line) => void lines.push(line) },
  });
  return { log, lines, parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

test('a line is one JSON object with time, level, message and fields', () => {
  const { log, lines, parsed } = capture('info');
  log.child({ component: 'x' }).warn('it happened', { peer: 'west', text: 'two\nlines' });
  assert.equal(lines.length, 1);
  assert.ok(lines[0]?.endsWith('\n') && lines[0].indexOf('\n') === lines[0].length - 1, 'one line');
  const { ts, ...rest } = parsed()[0] ?? {};
  assert.match(String(ts), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(rest, {
    level: 'warn',
    cluster: 'east',
    component: 'x',
    peer: 'west',
    text: 'two\nlines',
    msg: 'it happened',
  });
});

test('lines below the level are not written', () => {
  const { log, parsed } = capture('warn');
  log.debug('a');
  log.info('b');
  log.warn('c');
  log.error('d');
  assert.deepEqual(
    parsed().map(({ msg }) => msg),
    ['c', 'd'],
  );
});

test('a value that redacts itself is redacted in the log', () => {
  const { log, lines } = capture('info');
  const secret = new Secret('TOPSECRET');
  log.info('configured', { key: secret, nested: { key: secret } });
  assert.equal(secret.reveal(), 'TOPSECRET');
  assert.ok(!lines.join('').includes('TOPSECRET'));
  assert.ok(lines.join('').includes('[redacted]'));
});

test('the silent logger says nothing, and so do its children', () => {
  assert.equal(silentLogger.child({ component: 'x' }), silentLogger);
  assert.equal(silentLogger.error('x'), undefined);
});

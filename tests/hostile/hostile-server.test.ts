import { createServer, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { parseClusterId } from '../../federation/model/ids.ts';
import { openStore } from '../../federation/store/open.ts';
import { rim } from '../../federation/sync/clusterset.fixture.ts';
import fc from 'fast-check';
import { encodeFrame, type Frame, FrameReader, textOf, wordsOf } from './frames.ts';
import { HurriedClock } from './hurried-clock.ts';

/**
 * A server that greets as it should and then says what no server says. Whatever it says, the call fails or answers, and the
 * process lives: an exception in the event loop would end a controller.
 */
const NONSENSE: Readonly<Record<string, string>> = {
  'two nulls for one question': '$-1\r\n$-1\r\n',
  'a number that nobody asked for': '$-1\r\n:1\r\n:1\r\n',
  'an error that nobody asked for': '$-1\r\n-ERR what\r\n-ERR what\r\n',
  'an empty push': '>0\r\n',
  'a push of null': '>1\r\n_\r\n',
  'a message without a channel': '*3\r\n$7\r\nmessage\r\n$-1\r\n$-1\r\n',
  'a list of null': '*1\r\n$-1\r\n*1\r\n$-1\r\n',
  'a map': '%1\r\n$1\r\na\r\n:1\r\n',
  'an attribute without a value': '|1\r\n$1\r\na\r\n:1\r\n',
  'nested lists': `${'*1\r\n'.repeat(2_000)}:1\r\n`,
  'a length that is no number': '$x\r\n',
  'a length without end': '$999999999999\r\nabc',
  'no protocol at all': 'HTTP/1.1 400 Bad Request\r\n\r\n',
};

const words = fc.constantFrom('message', 'subscribe', 'unsubscribe', 'pmessage', 'invalidate', 'OK', 'QUEUED', '', 'x');
const { frame: anyFrame } = fc.letrec<{ frame: Frame }>((tie) => ({
  frame: fc.oneof(
    { maxDepth: 3 },
    fc.record({
      kind: fc.constant('line' as const),
      mark: fc.constantFrom('+', '-', ':', '_', '#', ',', '('),
      text: fc.constantFrom(
        '',
        'OK',
        '1',
        '-1',
        't',
        'inf',
        'MOVED 1 127.0.0.1:1',
        'READONLY x',
        'QUEUED',
        '99999999999999999999',
      ),
    }),
    fc.record({
      kind: fc.constant('bulk' as const),
      mark: fc.constantFrom('$', '!', '='),
      bytes: fc.option(
        words.map((word) => Buffer.from(word)),
        { nil: undefined },
      ),
    }),
    fc.record({
      kind: fc.constant('list' as const),
      mark: fc.constantFrom('*', '~', '>'),
      items: fc.option(fc.array(tie('frame'), { maxLength: 4 }), { nil: undefined }),
    }),
  ),
}));

const CHANNEL = 'isthmus:{prod.example.org}:notice';
const GREETINGS: Readonly<Record<string, string>> = {
  PING: '+PONG\r\n',
  SUBSCRIBE: `*3\r\n$9\r\nsubscribe\r\n$${CHANNEL.length}\r\n${CHANNEL}\r\n:1\r\n`,
};

interface Liar extends AsyncDisposable {
  readonly url: string;
}

/** Answers the greeting, and everything after it with nonsense; `greets`: what else it answers as it should. */
async function lie(nonsense: () => string | Uint8Array, greets: readonly string[] = []): Promise<Liar> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    const reader = new FrameReader();
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      for (const frame of reader.read(chunk)) {
        const name = textOf(wordsOf(frame)?.[0]).toUpperCase();
        const isGreeting = name === 'CLIENT' || name === 'PING' || greets.includes(name);
        socket.write(isGreeting ? (GREETINGS[name] ?? '+OK\r\n') : nonsense());
        if (name === 'SUBSCRIBE' && isGreeting) socket.write(nonsense());
      }
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  // A server that listens on TCP has an address with a port.
  const { port } = server.address() as AddressInfo;
  return {
    url: `redis://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

/** Everything that a controller asks of a store while it reads. Nothing may hang, and nothing may be thrown past the calls. */
async function useStore(url: string): Promise<void> {
  // Nonsense that is no end of an answer is waited for: time-outs of seconds pass in tenths.
  using clock = new HurriedClock({ factor: 10, epochAtStartMs: Date.UTC(2026, 0, 1) });
  const components = { ...rim(clock), clusterset: 'prod.example.org' };
  await using store = await openStore(url, components);
  const stop = new AbortController();
  const hints = store.watch(stop.signal)[Symbol.asyncIterator]();
  // The first hint is a gap, as soon as there is or might be a subscription.
  const hinted = hints.next();
  const east = parseClusterId('east');
  const after = { incarnation: 1, epoch: 1, writerId: 'w', version: 1, beat: 0 };
  await Promise.allSettled([store.heads(), store.roster(), store.read(east), store.changes(east, after)]);
  stop.abort();
  await hinted;
  await new Promise((resolve) => setImmediate(resolve));
}

for (const [name, nonsense] of Object.entries(NONSENSE)) {
  test(`a server that answers with ${name} ends its connection and not the process`, { timeout: 20_000 }, async () => {
    await using liar = await lie(() => nonsense);
    await useStore(liar.url);
  });
}

for (const greets of [[], ['SUBSCRIBE']]) {
  const where = greets.length === 0 ? 'in its answers' : 'behind a subscription';
  test(`a server may send any frames ${where} without ending the process`, { timeout: 60_000 }, async () => {
    const seed = 20_261_124;
    const frames = fc.sample(fc.array(anyFrame, { minLength: 1, maxLength: 4 }), { numRuns: 60, seed });
    const tries = frames.values();
    const work = async (): Promise<void> => {
      for (const some of tries) {
        await using liar = await lie(() => Buffer.concat(some.map(encodeFrame)), greets);
        await useStore(liar.url);
      }
    };
    await Promise.all(Array.from({ length: 6 }, work));
  });
}

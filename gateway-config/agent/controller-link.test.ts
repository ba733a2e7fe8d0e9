import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { SeededRandom } from '../../runtime/random.ts';
import { ControllerLink } from './controller-link.ts';
import type { AdsCall, AdsCallEvents } from './upstream.ts';

/** Calls that the test accepts and ends. */
function linkWithCalls() {
  const clock = new ManualClock();
  const calls: { events: AdsCallEvents; cancelled: boolean }[] = [];
  const said: string[] = [];
  const open = (events: AdsCallEvents): AdsCall => {
    const call = { events, cancelled: false };
    calls.push(call);
    const cancel = (): void => {
      call.cancelled = true;
    };
    return { write: () => true, pause: () => undefined, resume: () => undefined, cancel };
  };
  const link = new ControllerLink(
    { clock, log: silentLogger, random: new SeededRandom(1), open },
    { onAccepted: () => void said.push('accepted'), onReachable: () => void said.push('reachable') },
  );
  return { clock, calls, said, link };
}

const SINK = { frame: () => undefined, drained: () => undefined };

test('a stream can be taken once it was accepted, and only once', () => {
  const { link, calls } = linkWithCalls();
  link.dial();
  assert.equal(link.take({ ...SINK, ended: () => undefined }), undefined);
  calls[0]?.events.accepted();
  assert.ok(link.take({ ...SINK, ended: () => undefined }) !== undefined);
  assert.equal(link.take({ ...SINK, ended: () => undefined }), undefined);
});

test('the events of a taken stream go to whoever took it', () => {
  const { link, calls, said } = linkWithCalls();
  link.dial();
  calls[0]?.events.accepted();
  const sink = {
    frame: (frame: Buffer) => void said.push(frame.toString()),
    drained: () => undefined,
    ended: (why: string) => void said.push(why),
  };
  link.take(sink);
  calls[0]?.events.frame(Buffer.from('frame'));
  calls[0]?.events.ended('gone');
  assert.deepEqual(said, ['reachable', 'accepted', 'frame', 'gone']);
  assert.equal(link.reachable, false);
});

test('a controller that is away is dialled again, at most 2 s apart, and its return is told', async () => {
  const { link, calls, said, clock } = linkWithCalls();
  link.dial();
  calls[0]?.events.accepted();
  for (let index = 0; index < 12; index++) {
    calls.at(-1)?.events.ended('refused');
    await clock.advance(2_000);
  }
  assert.equal(calls.length, 13);
  calls.at(-1)?.events.accepted();
  assert.deepEqual(said, ['reachable', 'accepted', 'reachable', 'accepted']);
});

test('a closed link cancels its spare stream and dials no more', async () => {
  const { link, calls, clock } = linkWithCalls();
  link.dial();
  calls[0]?.events.accepted();
  link.close();
  assert.equal(calls[0]?.cancelled, true);
  calls[0]?.events.ended('cancelled');
  await clock.advance(60_000);
  assert.equal(calls.length, 1);
});

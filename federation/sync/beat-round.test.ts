import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { parseClusterId } from '../model/ids.ts';
import { type BeatOffer, BeatRound } from './beat-round.ts';

const WEST = parseClusterId('west');
const NORTH = parseClusterId('north');

function offer(beat: number, from = 0): BeatOffer {
  const order = { incarnation: 1, epoch: 1, writerId: 'w', version: 1, beat };
  const head = { bytes: new Uint8Array(), signature: new Uint8Array(), signerChain: '' };
  return { stored: { order, head }, from };
}

function round(): { readonly clock: ManualClock; readonly beats: BeatRound; readonly judged: string[] } {
  const clock = new ManualClock();
  const judged: string[] = [];
  const onBeat = (cluster: string, { stored, from }: BeatOffer): void => {
    judged.push(`${cluster} ${stored.order.beat} of ${from}`);
  };
  return { clock, beats: new BeatRound({ clock }, { onBeat }), judged };
}

test('beats of one round are judged together, of each cluster and store the last', async () => {
  const { clock, beats, judged } = round();
  beats.add(WEST, offer(1));
  beats.add(NORTH, offer(7));
  beats.add(WEST, offer(2));
  beats.add(WEST, offer(1, 1));
  await clock.advance(249);
  assert.deepEqual(judged, []);
  await clock.advance(1);
  assert.deepEqual(judged, ['west 2 of 0', 'north 7 of 0', 'west 1 of 1']);
});

test('a steady stream of beats does not put a round off, and the next one begins anew', async () => {
  const { clock, beats, judged } = round();
  for (let beat = 1; beat <= 50; beat += 1) {
    beats.add(WEST, offer(beat));
    await clock.advance(10);
  }
  assert.deepEqual(judged, ['west 25 of 0', 'west 50 of 0']);
});

test('after the end nothing is judged any more', async () => {
  const { clock, beats, judged } = round();
  beats.add(WEST, offer(1));
  beats.close();
  beats.add(WEST, offer(2));
  await clock.advance(1_000);
  assert.deepEqual(judged, []);
});

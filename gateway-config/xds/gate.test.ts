import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import type { GatewayVerdict } from '../../trust/gateway-authenticator.ts';
import { CALLS_PER_GATEWAY_MAX, Gate, JUDGE_WITHIN_MS, RECHECK_MS } from './gate.ts';

function gate() {
  const clock = new ManualClock();
  const verdicts = new Map<string, GatewayVerdict | Promise<GatewayVerdict>>();
  const asked: string[] = [];
  const authenticate = async (token: string): Promise<GatewayVerdict> => {
    asked.push(token);
    return verdicts.get(token) ?? { kind: 'refused', reason: 'Unknown', message: 'never heard of it' };
  };
  const components = { clock, log: silentLogger, metrics: new Metrics(), authenticator: { authenticate } };
  const made = new Gate(components);
  const enter = (token: string, gateway = 'gw') => made.enter({ authorization: `Bearer ${token}`, gateway });
  return { clock, verdicts, asked, made, enter };
}

const ADMITTED: GatewayVerdict = { kind: 'admitted', gateway: 'gw' };

test('without a bearer token, or without a name, nobody is asked', async () => {
  const { made, asked } = gate();
  for (const headers of [
    { authorization: undefined, gateway: 'gw' },
    { authorization: 'Basic abc', gateway: 'gw' },
    { authorization: 'Bearer a b', gateway: 'gw' },
    { authorization: `Bearer ${'a'.repeat(9_000)}`, gateway: 'gw' },
    { authorization: 'Bearer t', gateway: undefined },
  ]) {
    await assert.rejects(made.enter(headers), { refusal: 'unauthenticated' });
  }
  assert.deepEqual(asked, []);
});

test('a judgement that does not come in time lets nobody in', async () => {
  const { clock, verdicts, enter } = gate();
  verdicts.set('t', new Promise(() => undefined));
  const entering = assert.rejects(enter('t'), { refusal: 'unavailable' });
  await clock.advance(JUDGE_WITHIN_MS);
  await entering;
});

test('a token that is refused later ends its calls, each token is asked once, and other calls live on', async () => {
  const { clock, verdicts, asked, enter } = gate();
  verdicts.set('old', ADMITTED).set('new', ADMITTED);
  const calls = [await enter('old'), await enter('old'), await enter('new')];
  asked.length = 0;
  verdicts.delete('old');
  await clock.advance(RECHECK_MS);
  assert.deepEqual(asked.toSorted(), ['new', 'old']);
  assert.deepEqual(
    calls.map(({ ended }) => ended.aborted),
    [true, true, false],
  );
});

test('where nobody can judge any more, who is in stays in', async () => {
  const { clock, verdicts, enter } = gate();
  verdicts.set('t', ADMITTED);
  const call = await enter('t');
  verdicts.set('t', { kind: 'unknown', message: 'dark' });
  await clock.advance(3 * RECHECK_MS);
  assert.equal(call.ended.aborted, false);
  verdicts.set('t', { kind: 'refused', reason: 'Expired', message: 'expired' });
  await clock.advance(RECHECK_MS);
  assert.equal(call.ended.aborted, true);
});

test('one gateway has a bounded number of calls, and a call that is over makes room', async () => {
  const { verdicts, enter } = gate();
  verdicts.set('t', ADMITTED).set('u', { kind: 'admitted', gateway: 'other' });
  const calls = [];
  for (let index = 0; index < CALLS_PER_GATEWAY_MAX; index++) calls.push(await enter('t'));
  await assert.rejects(enter('t'), { refusal: 'exhausted' });
  await enter('u', 'other');
  calls[0]?.leave();
  await enter('t');
});

test('when nobody is in, nothing is asked and no timer runs', async () => {
  const { clock, verdicts, asked, enter } = gate();
  verdicts.set('t', ADMITTED);
  const call = await enter('t');
  call.leave();
  await clock.advance(RECHECK_MS);
  assert.deepEqual(asked, ['t']);
  assert.equal(clock.waiting, 0);
});

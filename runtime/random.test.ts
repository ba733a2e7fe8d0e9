import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom, SystemRandom } from './random.ts';

test('a seed gives the same numbers again, another seed gives others', () => {
  const draw = (seed: number): number[] => {
    const random = new SeededRandom(seed);
    return Array.from({ length: 20 }, () => random.fraction());
  };
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
});

for (const [name, random] of [
  ['seeded', new SeededRandom(1)],
  ['system', new SystemRandom()],
] as const) {
  test(`${name} fractions lie in [0, 1) and are spread over it`, () => {
    const tenths = Array.from({ length: 10 }, () => 0);
    for (let draw = 0; draw < 10_000; draw++) {
      const fraction = random.fraction();
      assert.ok(fraction >= 0 && fraction < 1);
      const tenth = Math.floor(fraction * 10);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    // 1000 are expected in each; with a fair source a count outside 700 to 1300 has odds below 1 in 10^20.
    for (const count of tenths) assert.ok(count > 700 && count < 1_300, tenths.join(' '));
  });

  test(`${name} bytes have the length asked for and are not all alike`, () => {
    assert.equal(random.bytes(0).length, 0);
    assert.equal(random.bytes(32).length, 32);
    assert.ok(new Set(random.bytes(256)).size > 64);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics } from './metrics.ts';

test('counters, gauges and histograms are written in the Prometheus text format', async () => {
  const metrics = new Metrics();
  metrics.counter('isthmus_a_total', 'As so far', ['result']).add({ result: 'ok' }, 2);
  const gauge = metrics.gauge('isthmus_b', 'Bs now', ['cluster']);
  gauge.set(3, { cluster: 'west' });
  gauge.set(4, { cluster: 'edge' });
  gauge.remove({ cluster: 'edge' });
  metrics.histogram('isthmus_c_seconds', 'Time of c', [0.1, 1]).observe(0.5);
  const text = await metrics.text();
  assert.match(text, /^# HELP isthmus_a_total As so far$/m);
  assert.match(text, /^# TYPE isthmus_a_total counter$/m);
  assert.match(text, /^isthmus_a_total\{result="ok"\} 2$/m);
  assert.match(text, /^isthmus_b\{cluster="west"\} 3$/m);
  assert.ok(!text.includes('edge'));
  assert.match(text, /^isthmus_c_seconds_bucket\{le="0\.1"\} 0$/m);
  assert.match(text, /^isthmus_c_seconds_bucket\{le="1"\} 1$/m);
});

test('a metric asked for twice is one metric', async () => {
  const metrics = new Metrics();
  metrics.counter('isthmus_a_total', 'As').add();
  metrics.counter('isthmus_a_total', 'As').add();
  assert.match(await metrics.text(), /^isthmus_a_total 2$/m);
});

test('two sets of metrics in one process do not mix', async () => {
  const [left, right] = [new Metrics(), new Metrics()];
  left.counter('isthmus_a_total', 'As').add();
  right.counter('isthmus_a_total', 'As').add({}, 5);
  assert.match(await left.text(), /^isthmus_a_total 1$/m);
});

test('a label value cannot forge another line', async () => {
  const metrics = new Metrics();
  metrics.counter('isthmus_a_total', 'As', ['cluster']).add({ cluster: 'x"} 1\nisthmus_forged 1' });
  assert.ok(!(await metrics.text()).split('\n').some((line) => line.startsWith('isthmus_forged')));
});

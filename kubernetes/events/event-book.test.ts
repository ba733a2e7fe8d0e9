import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  EventBook,
  MAX_SERIES,
  OBJECT_BURST,
  OBJECT_REFILL_MS,
  type Occurrence,
  SERIES_UPDATE_MS,
  SERIES_WINDOW_MS,
} from './event-book.ts';
import { eventObject } from './event-object.ts';

function occurrence(name: string, reason = 'Conflict'): Occurrence {
  const regarding = { apiVersion: 'multicluster.x-k8s.io/v1beta1', kind: 'ServiceExport', namespace: 'shop', name };
  return { regarding, type: 'Warning', reason, action: 'Merge', note: 'ports differed' };
}

describe('the book of events', () => {
  it('makes one event of the same thing again and again, and counts it', () => {
    const book = new EventBook();
    const { key } = book.note(occurrence('web'), 0);
    book.made(key, 'web.1');
    for (let time = 1; time <= 50; time += 1) assert.equal(book.note(occurrence('web'), time).verdict, 'repeated');
    assert.deepEqual(book.takeDue(SERIES_UPDATE_MS - 1), []);
    assert.equal(book.nextDueMs, SERIES_UPDATE_MS);
    assert.deepEqual(
      book.takeDue(SERIES_UPDATE_MS).map(({ eventName, count, lastMs }) => [eventName, count, lastMs]),
      [['web.1', 51, 50]],
    );
    assert.deepEqual(book.takeDue(SERIES_UPDATE_MS * 2), [], 'a count is written once');
    assert.equal(book.nextDueMs, undefined);
  });

  it('does not count what has no event yet, until it has', () => {
    const book = new EventBook();
    const { key } = book.note(occurrence('web'), 0);
    book.note(occurrence('web'), 1);
    assert.deepEqual(book.takeDue(SERIES_UPDATE_MS), []);
    book.made(key, 'web.1');
    assert.equal(book.takeDue(SERIES_UPDATE_MS).length, 1);
  });

  it('begins a new event after a time of quiet, and when there is none of it', () => {
    const book = new EventBook();
    book.note(occurrence('web'), 0);
    assert.equal(book.note(occurrence('web'), SERIES_WINDOW_MS - 1).verdict, 'repeated');
    const later = new EventBook();
    const { key } = later.note(occurrence('web'), 0);
    assert.equal(later.note(occurrence('web'), SERIES_WINDOW_MS).verdict, 'new');
    later.forget(key);
    assert.equal(later.note(occurrence('web'), SERIES_WINDOW_MS + 1).verdict, 'new');
  });

  it('lets one object have only so many, and others theirs', () => {
    const book = new EventBook();
    const verdicts = Array.from(
      { length: OBJECT_BURST + 1 },
      (_, index) => book.note(occurrence('web', `R${index}`), 0).verdict,
    );
    assert.deepEqual(verdicts, [...Array.from({ length: OBJECT_BURST }, () => 'new'), 'too-many']);
    assert.equal(book.note(occurrence('other'), 0).verdict, 'new');
    assert.equal(book.note(occurrence('web', 'Later'), OBJECT_REFILL_MS).verdict, 'new');
    assert.equal(book.note(occurrence('web', 'Again'), OBJECT_REFILL_MS).verdict, 'too-many');
  });

  it('remembers only so many', () => {
    const book = new EventBook();
    for (let index = 0; index <= MAX_SERIES; index += 1) book.note(occurrence(`s${index}`), index);
    assert.equal(book.note(occurrence('s0'), MAX_SERIES + 1).verdict, 'new', 'the oldest was forgotten');
    assert.equal(book.note(occurrence('s2'), MAX_SERIES + 1).verdict, 'repeated');
  });
});

describe('an event object', () => {
  it('keeps within what the API takes, and cuts no character in two', () => {
    const reporter = { controller: 'isthmus.dev/controller', instance: 'i'.repeat(300) };
    const long = { ...occurrence('n'.repeat(253), 'R'.repeat(200)), note: 'é'.repeat(2_000) };
    const event = eventObject(long, { reporter, epochMs: 0, suffix: new Uint8Array(8) });
    assert.ok(event.metadata.name.length <= 253);
    assert.ok(Buffer.byteLength(String(event['note'])) <= 1_024);
    assert.match(String(event['note']), /^é+…$/);
    assert.equal(event['eventTime'], '1970-01-01T00:00:00.000000Z');
    assert.equal(String(event['reportingInstance']).length, 128);
  });
});

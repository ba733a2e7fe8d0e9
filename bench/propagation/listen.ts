/** What a controller does, listened to at the seams between its parts, so that the product carries nothing for a bench. */
import type { Controller } from '../../controller/controller.ts';
import { Marks } from '../../federation/sync/marks.ts';
import { EMPTY_SNAPSHOT } from '../../gateway-config/snapshot.ts';
import { acknowledgedBy, changedBetween } from './programmed.ts';
import { type Note, stampMs } from './trace.ts';

export type TakeNote = (note: Note) => void;

/** Before the controller is made: its marks are made inside it, and there is one such object in this process. */
export function listenToMarks(note: TakeNote): void {
  // oxlint-disable-next-line typescript/unbound-method -- called below with its own `this`
  const advance = Marks.prototype.advance;
  Marks.prototype.advance = function (cluster, mark): Promise<void> {
    note({ is: 'accepted', atMs: stampMs(), cluster });
    return advance.call(this, cluster, mark);
  };
}

export function listenTo(controller: Controller, note: TakeNote): void {
  listenToEngine(controller, note);
  listenToGateways(controller, note);
  listenToWriter(controller, note);
}

function listenToEngine({ engine }: Controller, note: TakeNote): void {
  const update = engine.update.bind(engine);
  engine.update = (part) => {
    const atMs = stampMs();
    if (part.local !== undefined) note({ is: 'source', atMs });
    for (const [cluster, view] of part.views ?? []) {
      if (view !== engine.world.views.get(cluster)) note({ is: 'view', atMs, cluster });
    }
    update(part);
  };
}

function listenToGateways({ xds }: Controller, note: TakeNote): void {
  let last = EMPTY_SNAPSHOT;
  const setSnapshot = xds.setSnapshot.bind(xds);
  xds.setSnapshot = (snapshot) => {
    const atMs = stampMs();
    setSnapshot(snapshot);
    const changed = changedBetween(last, snapshot);
    last = snapshot;
    if (changed.length > 0) note({ is: 'snapshot', atMs, changed });
  };
  xds.ledger.observe((event) => {
    const atMs = stampMs();
    const versions = acknowledgedBy(event);
    if (versions.length > 0) note({ is: 'acknowledged', atMs, versions });
  });
}

function listenToWriter({ writer }: Controller, note: TakeNote): void {
  const publish = writer.publish.bind(writer);
  writer.publish = (records, urgency) => {
    note({ is: 'derived', atMs: stampMs() });
    publish(records, urgency);
  };
}

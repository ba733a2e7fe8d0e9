import { EAST, WEST } from '../conformance/rig.fixture.ts';
import { describeStore } from '../conformance.ts';
import { startTestServer, TestClusterset } from './server.fixture.ts';

const clusterset = new TestClusterset();

describeStore('the remote store', async () => {
  const server = await startTestServer(clusterset);
  return {
    store: server.client(EAST),
    second: server.client(EAST),
    west: server.client(WEST),
    rosterBytes: (version) => clusterset.roster(version),
    close: () => server[Symbol.asyncDispose](),
  };
});

import { startAgent } from './site.fixture.ts';

/** A gateway agent in a process of its own, to be killed: prints the process id of its live Envoy. */
const [, , controllerSocket = '', stateDir = ''] = process.argv;
const agent = await startAgent({ controllerSocket, stateDir });
await agent.live();
process.stdout.write(`${agent.envoyPid ?? 0}\n`);

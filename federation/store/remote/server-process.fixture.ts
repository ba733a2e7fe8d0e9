import process from 'node:process';
import { serveStore } from '../serve.ts';
import { testComponents } from './server.fixture.ts';

/** A store server as a process of its own, to be stopped and killed: `node server-process.fixture.ts STATE-DIR PORT`. */
const [, , stateDir = '', port = '0'] = process.argv;
const served = await serveStore({ stateDir, listen: { address: '127.0.0.1', port: Number(port) } }, testComponents());
process.send?.({ link: served.link, port: served.port });
// Ends with its parent, also when that is killed.
process.once('disconnect', () => process.exit(0));

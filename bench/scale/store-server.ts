/** A store server in a process of its own: `node bench/scale/store-server.ts STATE-DIR`. Ends with its parent. */
import { serveStore } from '../../federation/store/serve.ts';
import { benchComponents } from './components.ts';

const served = await serveStore(
  { stateDir: process.argv[2] ?? '', listen: { address: '127.0.0.1', port: 0 } },
  benchComponents(),
);
process.send?.({ link: served.link, localUrl: served.localUrl, port: served.port });
process.once('disconnect', () => process.exit(0));

/**
 * The two processes of the floor: `watch FOLDER PORT` reads a file of the folder whenever it changes and sends it to
 * PORT; `echo` sends one byte back for everything that it gets.
 */
import { readFileSync, watch } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';

const [role, folder = '', port = '0'] = process.argv.slice(2);

if (role === 'watch') {
  const socket = connect(Number(port), '127.0.0.1', () => {
    socket.setNoDelay(true);
    watch(folder, (_event, name) => {
      if (name !== null) socket.write(readFileSync(join(folder, name)));
    });
    process.stdout.write('ready\n');
  });
} else {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('data', () => process.stdout.write(`got ${process.hrtime.bigint()}\n`));
  });
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    if (address !== null && typeof address === 'object') process.stdout.write(`listening ${address.port}\n`);
  });
}

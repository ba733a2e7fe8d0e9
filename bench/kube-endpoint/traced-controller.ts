/**
 * `isthmus controller`, which notes its steps on the unix socket that the variable BENCH_NOTES names. Takes the arguments of the
 * program itself.
 */
import { connect } from 'node:net';
import { Controller } from '../../controller/controller.ts';
import { listenTo, listenToMarks } from '../propagation/listen.ts';
import { TracedStore } from '../propagation/traced-store.ts';
import { type Note, stampMs } from '../propagation/trace.ts';

const socket = connect(process.env['BENCH_NOTES'] ?? '').unref();
const note = (what: Note): void => void socket.write(`${JSON.stringify(what)}\n`);
listenToMarks(note);
const start = Controller.start.bind(Controller);
Controller.start = async (config, components) => {
  const controller = await start(config, {
    ...components,
    openStore: async (url, signing) => new TracedStore(await components.openStore(url, signing), note),
  });
  listenTo(controller, note);
  note({ is: 'ready', atMs: stampMs() });
  return controller;
};
await import('../../cli/main.ts');

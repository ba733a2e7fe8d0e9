import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { reportError } from './exit.ts';
import type { Io } from './io.ts';
import type { Outcome } from './processes.fixture.ts';
import { buildProgram } from './program.ts';

/** A command in this process: as `isthmus ARGS` but for the start of Node, of which a table of cases would have dozens. */
export async function runHere(args: readonly string[]): Promise<Outcome> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const io: Io = { stdout, stderr, env: {}, cwd: process.cwd(), stopSignal: () => new AbortController().signal };
  let code: number = 0;
  try {
    await buildProgram(io).parseAsync(args, { from: 'user' });
  } catch (error) {
    code = reportError(error, io);
  }
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

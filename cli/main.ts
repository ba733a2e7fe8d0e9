#!/usr/bin/env node
import { reportError } from './exit.ts';
import { processIo } from './io.ts';
import { buildProgram } from './program.ts';

/** Runs one command. The exit code is set, not forced: what a command still writes is written. */
const io = processIo();
const args = process.argv.slice(2);
try {
  await buildProgram(io).parseAsync(args.length === 0 ? ['--help'] : args, { from: 'user' });
} catch (error) {
  process.exitCode = reportError(error, io);
}

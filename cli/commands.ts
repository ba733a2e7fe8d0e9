import type { Command } from 'commander';
import type { Io } from './io.ts';
import * as completion from './commands/completion.ts';
import * as config from './commands/config.ts';
import * as controller from './commands/controller.ts';
import * as demo from './commands/demo.ts';
import * as gateway from './commands/gateway.ts';
import * as get from './commands/get.ts';
import * as init from './commands/init.ts';
import * as install from './commands/install.ts';
import * as join from './commands/join.ts';
import * as leave from './commands/leave.ts';
import * as status from './commands/status.ts';
import * as store from './commands/store.ts';
import * as token from './commands/token.ts';
import * as up from './commands/up.ts';
import * as version from './commands/version.ts';

/**
 * Every command, in the order of `isthmus --help`. A command file describes itself with commander alone and imports what
 * it works with when it runs, so that `isthmus version` does not load gRPC.
 */
export interface CommandFile {
  register(program: Command, io: Io): void;
}

export const COMMANDS: readonly CommandFile[] = [
  demo,
  init,
  install,
  token,
  join,
  up,
  leave,
  status,
  get,
  config,
  controller,
  gateway,
  store,
  version,
  completion,
];

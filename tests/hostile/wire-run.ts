import { Tally } from './attack.ts';
import { Dice } from './dice.ts';
import { Siege, type SiegeOutcome } from './siege.ts';
import { WireField } from './wire-field.ts';
import type { TestServer } from '../redis/server.ts';

const STEPS = 16;

/** The seed settles what is done and drawn; in which order answers come is settled by the machine. */
export async function wireRun(
  server: TestServer,
  seed: number,
  log?: (line: string) => void,
): Promise<SiegeOutcome & { readonly tally: Tally }> {
  const dice = new Dice(seed);
  const tally = new Tally();
  const clusterset = `run-${seed}-${process.pid}.example.org`;
  await using field = await WireField.open({ server, dice: dice.of('field'), tally }, clusterset);
  const outcome = await Siege.run({ field, dice: dice.of('siege'), tally, log }, { seed, steps: STEPS });
  return { ...outcome, tally };
}

import { Tally } from './attack.ts';
import { Dice } from './dice.ts';
import { ServerField } from './server-field.ts';
import { Siege, type SiegeOutcome } from './siege.ts';

const STEPS = 16;

export async function serverRun(
  seed: number,
  log?: (line: string) => void,
): Promise<SiegeOutcome & { readonly tally: Tally }> {
  const dice = new Dice(seed);
  const tally = new Tally();
  await using field = await ServerField.open({ dice: dice.of('field'), tally });
  const outcome = await Siege.run({ field, dice: dice.of('siege'), tally, log }, { seed, steps: STEPS });
  return { ...outcome, tally };
}

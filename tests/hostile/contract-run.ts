import { Tally } from './attack.ts';
import { ContractField } from './contract-field.ts';
import { Dice } from './dice.ts';
import { Siege, type SiegeOutcome } from './siege.ts';

/** Steps of a run: enough for a dozen attacks on each link, short enough for a thousand seeds. */
const STEPS = 16;

export async function contractRun(
  beside: 'nobody' | 'an-honest-store',
  seed: number,
  log?: (line: string) => void,
): Promise<SiegeOutcome & { readonly tally: Tally }> {
  const dice = new Dice(seed);
  const tally = new Tally();
  await using field = new ContractField({ dice: dice.of('field'), tally }, { beside });
  const outcome = await Siege.run({ field, dice: dice.of('siege'), tally, log }, { seed, steps: STEPS });
  return { ...outcome, tally };
}

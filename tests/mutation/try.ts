import { CountedEdit } from './edits.ts';
import { Lab, World } from './lab.ts';
import { CHECKS } from './checks.ts';
await using world = await World.start();
const only = process.argv.slice(2);
for (const check of CHECKS.filter((c) => only.length === 0 || only.includes(c.name))) {
  const begin = performance.now();
  try {
    await using lab = new Lab(world, new CountedEdit(undefined));
    console.log(check.name, JSON.stringify(await check.run(lab)), Math.round(performance.now() - begin));
  } catch (e) { console.log(check.name, 'ERROR', e instanceof Error ? e.stack : e); }
}

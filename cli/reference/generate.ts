import { writeFile } from 'node:fs/promises';
import { REFERENCE_FOLDER, referenceFiles } from './files.ts';

/** `node cli/reference/generate.ts`: writes what is generated in `docs/reference`. Run it after changing a flag or field. */
for (const [name, text] of await referenceFiles()) await writeFile(new URL(name, REFERENCE_FOLDER), text);

import { stringify } from 'yaml';
import { crdOf, OWN_KINDS } from './crds.ts';

/** The files of `deploy/crds/isthmus`, as they must be now. A test compares, `generate.ts` writes. */
export const CRD_FOLDER = new URL('../../deploy/crds/isthmus/', import.meta.url);

export function crdFiles(): ReadonlyMap<string, string> {
  return new Map(
    OWN_KINDS.map((own) => {
      const { group, plural } = own.resource;
      const text = stringify(crdOf(own), { lineWidth: 0, aliasDuplicateObjects: false });
      return [`${group}_${plural}.yaml`, `${NOTE}\n${text}`];
    }),
  );
}

const NOTE = '# Made by kubernetes/kinds/generate.ts from the schemas in sources/documents/kinds and kubernetes/kinds.';

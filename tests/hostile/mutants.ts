import { ACCEPT_RULE } from '../../federation/model/accept.ts';

/**
 * One rule of what is believed, taken out of the source as it is loaded. With it gone, the suite must find a state that some
 * reader should not have taken: a rule that nobody misses protects nobody, or nobody tries it.
 */
export interface Mutant {
  readonly name: string;
  /** From the root of the checkout. */
  readonly file: string;
  /** Exactly once in the file: a mutant that finds nothing to change proves nothing. */
  readonly find: string;
  readonly replace: string;
  /** What is gone. */
  readonly without: string;
  /** Seed of the run that is known to find it. Another one may do it too. */
  readonly seed: number;
}

const ACCEPT = 'federation/model/accept.ts';

/** The seeds that are known to miss each clause. */
const CLAUSE_SEEDS: Readonly<Record<string, number>> = {
  member: 6,
  cluster: 6,
  incarnation: 4,
  limits: 3,
  order: 2,
  quota: 2,
  namespaces: 7,
  addresses: 2,
};

const CLAUSES: readonly Mutant[] = ACCEPT_RULE.map(({ name, scope }) => ({
  name: `clause-${name}`,
  file: ACCEPT,
  find: `  { name: '${name}', scope: '${scope}', check: check${name.charAt(0).toUpperCase()}${name.slice(1)} },\n`,
  replace: '',
  without: `the clause "${name}" of the accept rule`,
  seed: CLAUSE_SEEDS[name] ?? 1,
}));

const OTHERS: readonly Mutant[] = [
  {
    name: 'beats-unjudged',
    file: ACCEPT,
    find: "clauses.filter((clause) => clause.scope === 'head'),",
    replace: '[],',
    without: 'every clause of the accept rule, for beats',
    seed: 2,
  },
  {
    name: 'beat-of-any-version',
    file: ACCEPT,
    find: 'if (!isSameVersion(head.value, previous.mark.order)) {',
    replace: 'if (head.value === undefined) {',
    without: 'that a beat is of the version held',
    seed: 11,
  },
  {
    name: 'marks-forgotten',
    file: 'federation/sync/marks.ts',
    find: 'return this.#peers.get(cluster);',
    replace: 'return cluster === undefined ? this.#peers.get(cluster) : undefined;',
    without: 'the high-water marks of peers, over a restart',
    seed: 5,
  },
  {
    name: 'roster-floor',
    file: 'federation/sync/roster-follower.ts',
    find: 'if (version < floor) {',
    replace: 'if (version < 0) {',
    without: 'that a roster is never older than one trusted before',
    seed: 32,
  },
  {
    name: 'roster-signature',
    file: 'trust/roster.ts',
    find: 'if (!verifySignature(signer.value.publicKey, Buffer.concat([PREFIX, payload]), signature)) {',
    replace: 'if (signature === undefined) {',
    without: 'the signature over the roster',
    seed: 2,
  },
  {
    name: 'roster-root',
    file: 'trust/roster.ts',
    find: 'if (signer === undefined || signerIndex > oldestPin) {',
    replace: 'if (signer === undefined) {',
    without: 'that a roster is signed by the root that the reader was given',
    seed: 1,
  },
];

export const MUTANTS: readonly Mutant[] = [...CLAUSES, ...OTHERS];

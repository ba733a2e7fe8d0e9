import type { HeadOrder } from '../../federation/model/head.ts';
import type { StoreBoards } from '../../federation/store/inspect.ts';
import { oneLine } from '../output/findings.ts';
import { type Column, formatAge, formatTable } from '../output/table.ts';
import type { DumpedCluster, DumpedRecord, DumpedRoster, StoreDump } from './dump.ts';

/** A store's contents for people: what is there, how old it is, and whether it would be believed. */
export function dumpPage(dump: StoreDump, nowMs: number): string {
  const parts = [
    `Store:   ${oneLine(dump.store)}\nRoster:  ${oneLine(rosterText(dump.roster))}\n`,
    dump.clusters.length === 0 ? 'no cluster has published here\n' : formatTable(CLUSTERS, dump.clusters),
    ...doubtParts(dump.clusters),
    ...dump.clusters.flatMap(({ cluster, contents }) =>
      contents === undefined ? [] : [`Records of ${cluster}\n${formatTable(RECORDS, contents)}`],
    ),
    ...boardParts(dump.boards, nowMs),
  ];
  return parts.join('\n');
}

function rosterText(roster: DumpedRoster): string {
  if (roster.version === undefined)
    return roster.reason === 'Unreadable' ? `not readable: ${roster.message ?? ''}` : 'none';
  const { version, verified, pinned, members, message, knownVersion } = roster;
  const verdict = verified ? `${members} members, verified` : `not verified: ${message ?? ''}`;
  const notPinned = verified && !pinned ? ' (not pinned: by its own root, as this machine knows no other)' : '';
  const behind = knownVersion === undefined ? '' : `; this site knows version ${knownVersion}`;
  return `version ${version}, ${verdict}${notPinned}${behind}`;
}

const CLUSTERS: readonly Column<DumpedCluster>[] = [
  { header: 'CLUSTER', cell: ({ cluster }) => cluster },
  { header: 'MEMBER', cell: ({ member }) => member },
  { header: 'HEAD', cell: ({ order }) => headText(order) },
  { header: 'AGE', cell: ({ ageSeconds }) => formatAge(ageSeconds) },
  { header: 'GATEWAYS', cell: ({ records }) => records.gateway },
  { header: 'SERVICES', cell: ({ records }) => records.service },
  { header: 'BYTES', cell: ({ bytes }) => bytes },
  { header: 'VERIFIED', cell: ({ verified, reason }) => (verified ? 'yes' : `no: ${reason ?? ''}`) },
];

/** The table has room for the reason alone. */
function doubtParts(clusters: readonly DumpedCluster[]): readonly string[] {
  const lines = clusters.flatMap(({ cluster, verified, message }) =>
    verified || message === undefined ? [] : [`${cluster} is not believed: ${oneLine(message)}\n`],
  );
  return lines.length === 0 ? [] : [lines.join('')];
}

/** Incarnation and epoch tell who may write, version and beat how far it got. */
function headText(order: HeadOrder | undefined): string | undefined {
  if (order === undefined) return undefined;
  const { incarnation, epoch, version, beat } = order;
  return `${incarnation}.${epoch} v${version} +${beat}`;
}

const RECORDS: readonly Column<DumpedRecord>[] = [
  { header: 'KEY', cell: ({ key }) => key },
  { header: 'BYTES', cell: ({ bytes }) => bytes },
  { header: 'CONTENT', cell: ({ value, problem }) => problem ?? contentText(value) },
];

const CONTENT_CHARACTERS_MAX = 160;

function contentText(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > CONTENT_CHARACTERS_MAX ? `${text.slice(0, CONTENT_CHARACTERS_MAX)}...` : text;
}

function boardParts(boards: StoreBoards | undefined, nowMs: number): readonly string[] {
  if (boards === undefined) return [];
  const { joins = [], leases } = boards;
  const tokens = formatTable(
    [
      { header: 'TOKEN', cell: ({ tokenId }) => tokenId },
      { header: 'STATE', cell: ({ state }) => state },
      { header: 'EXPIRES', cell: ({ expiresAtMs }) => endText((expiresAtMs - nowMs) / 1000) },
    ],
    joins,
  );
  const held = formatTable(
    [
      { header: 'LEASE', cell: ({ name }) => name },
      { header: 'HOLDER', cell: ({ holder, problem }) => problem ?? holder },
      { header: 'TRANSITIONS', cell: ({ transitions }) => transitions },
      { header: 'EXPIRES', cell: ({ expiresInMs }) => endText(expiresInMs / 1000) },
    ],
    leases,
  );
  return [...(joins.length > 0 ? [tokens] : []), ...(leases.length > 0 ? [held] : [])];
}

function endText(seconds: number): string {
  return seconds > 0 ? `in ${formatAge(seconds) ?? ''}` : 'over';
}

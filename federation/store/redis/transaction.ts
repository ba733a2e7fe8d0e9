import { StoreUnavailableError } from '../contract.ts';
import type { AnswerLimits, RedisConnection } from './connection.ts';
import { COMMAND_TIMEOUT_MS, SMALL_ANSWER } from './connection.ts';
import type { RedisCommand, Reply } from './reply.ts';
import { accepted, bytesOf, listOf, RedisReplyError } from './reply.ts';

/**
 * Optimistic transactions: WATCH what the decision rests on, look, decide, change all of it by MULTI/EXEC. The server
 * answers nil when somebody else has changed a watched key meanwhile; then everything is done again.
 */
export interface Look {
  readonly watch: readonly string[];
  readonly read: readonly RedisCommand[];
  readonly limits?: AnswerLimits | undefined;
}

export interface Decision {
  /** None: there is nothing to do. */
  readonly changes: readonly RedisCommand[];
  readonly timeoutMs?: number | undefined;
}

/** Somebody loses each round, and somebody wins it: with few writers of a key, so many rounds are lost by a broken server only. */
const ROUNDS_MAX = 50;

/** The caller has the connection to itself. @throws what `decide` throws; nothing is changed then */
export async function execute(
  connection: RedisConnection,
  look: Look,
  decide: (replies: readonly Reply[]) => Promise<Decision> | Decision,
): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    // UNWATCH: what an earlier transaction has watched and left is nothing to this one. The empty transaction: where MULTI
    // is refused, by a rule or by something in between, changes sent behind it would be made one by one, without the fence.
    const watch: RedisCommand = ['WATCH', look.watch[0] ?? '', ...look.watch.slice(1)];
    const opening: RedisCommand[] = [['UNWATCH'], ['MULTI'], ['EXEC'], watch];
    const replies = accepted(await connection.call([...opening, ...look.read], look.limits ?? SMALL_ANSWER));
    const { changes, timeoutMs = COMMAND_TIMEOUT_MS } = await decide(replies.slice(opening.length));
    if (changes.length === 0) return;
    const answers = await connection.call([['MULTI'], ...changes, ['EXEC']], { ...SMALL_ANSWER, timeoutMs });
    // An error at queueing says more than the EXECABORT that follows on it.
    const executed = accepted(answers).at(-1);
    if (Array.isArray(executed)) return;
  }
  throw new StoreUnavailableError(`${connection.place} has many writers of the same data`, {
    hint: 'do two controllers run as the same cluster?',
  });
}

/**
 * Several reads of one moment.
 * @param commands the first one reads what every write of the others changes too
 */
export async function snapshot(
  connection: RedisConnection,
  commands: readonly RedisCommand[],
  limits: AnswerLimits,
): Promise<readonly Reply[]> {
  const answers = await connection.call([['MULTI'], ...commands, ['EXEC']], limits);
  const executed = answers.at(-1);
  if (!Array.isArray(executed)) {
    if (answers.some(isFull)) return lookTwice(connection, commands, limits);
    accepted(answers);
    throw new StoreUnavailableError(`${connection.place} does not carry out a transaction`);
  }
  for (const [index, reply] of listOf(executed).entries()) {
    // Within EXEC the server does not say which command has failed; its place does.
    if (reply instanceof RedisReplyError) throw new RedisReplyError(reply.message, String(commands[index]?.[1] ?? ''));
  }
  return listOf(executed);
}

/** A full Redis takes nothing after MULTI, not even reads, because a queue needs memory. Alone they are answered. */
function isFull(reply: Reply): boolean {
  return reply instanceof RedisReplyError && reply.code === 'OOM';
}

/** Of one moment, because what every write changes is the same before and after. */
async function lookTwice(
  connection: RedisConnection,
  commands: readonly RedisCommand[],
  limits: AnswerLimits,
): Promise<readonly Reply[]> {
  const [mark] = commands;
  const again = mark === undefined ? [] : [mark];
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const answers = accepted(await connection.call([...commands, ...again], limits));
    const [before, after] = [answers[0], answers.at(-1)].map(bytesOf);
    if (before === after || (before && after?.equals(before))) return answers.slice(0, commands.length);
  }
  throw new StoreUnavailableError(`${connection.place} is written while it is read`);
}

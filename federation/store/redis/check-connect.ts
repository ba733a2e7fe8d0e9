import { isIP } from 'node:net';
import type { Clock } from '../../../runtime/clock.ts';
import { StoreUnavailableError } from '../contract.ts';
import { formatRedisPlace, parseRedisAddress, type RedisAddress, type RedisLogin, type RedisPlace } from './address.ts';
import type { RedisFacts } from './check-facts.ts';
import { type Answer, type ProbedServer, probeRedis, type Reply as ProbeReply } from './check-probe.ts';
import { RedisConnection } from './connection.ts';
import { LoginRefusedError } from './dial-errors.ts';
import { listOf, numberOf, type Reply, RedisReplyError, textOf } from './reply.ts';
import { storeErrorOf } from './reply-errors.ts';
import { slotOf } from './slots.ts';

/**
 * The connections of `isthmus store check`: to every primary as the login that is checked, to one Sentinel, and one
 * without a login. Not those of `RedisStore`, which would not talk to a replica at all.
 */
export interface RedisCheckInit {
  readonly url: string;
  /** DNS name. */
  readonly clusterset: string;
  readonly cluster?: string | undefined;
  readonly isAuthority: boolean;
}

/** @throws InvalidInputError for a wrong address, StoreUnavailableError and StoreRefusedError when there is no connection */
export async function findOutAboutRedis(components: { clock: Clock }, init: RedisCheckInit): Promise<RedisFacts> {
  const address = parseRedisAddress(init.url);
  await using connections = new Connections(components, address);
  const { primaries, ownerOf, sentinel } = await serversOf(connections, address);
  const [first] = primaries;
  if (first === undefined) throw new StoreUnavailableError('the Redis Cluster names no node that serves slots');
  const places = [
    ...address.places.map(({ host }) => host),
    ...primaries.map(({ place }) => place.replace(/:\d+$/, '')),
  ];
  return await probeRedis(
    { ...components, primaries, ownerOf, sentinel, anonymous: await anonymousServer(connections, address, first) },
    { ...init, mode: address.mode, isTls: address.isTls, isLoopback: places.every(isLoopback) },
  );
}

interface Servers {
  readonly primaries: readonly ProbedServer[];
  readonly ownerOf: (key: string) => ProbedServer;
  readonly sentinel?: { readonly server: ProbedServer; readonly master: string } | undefined;
}

async function serversOf(connections: Connections, address: RedisAddress): Promise<Servers> {
  switch (address.mode) {
    case 'standalone': {
      const server = await connections.first(address.places, address.login);
      return { primaries: [server], ownerOf: () => server };
    }
    case 'sentinel':
      return behindSentinel(connections, address);
    case 'cluster':
      return nodesOf(connections, address);
    default:
      return address.mode satisfies never;
  }
}

async function behindSentinel(connections: Connections, address: RedisAddress): Promise<Servers> {
  const master = address.masterName ?? '';
  const server = await connections.first(address.places, address.sentinelLogin);
  const answer = await server.ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master);
  const [host, port] = answer.ok && Array.isArray(answer.value) ? answer.value.map(String) : [];
  if (host === undefined || port === undefined) {
    const said = answer.ok ? 'nothing' : answer.error;
    throw new StoreUnavailableError(`the Sentinel at ${server.place} knows no primary ${JSON.stringify(master)}`, {
      hint: `compare the name in the address with SENTINEL MASTERS (it answers: ${said})`,
    });
  }
  const primary = await connections.first([{ host, port: Number(port) }], address.login);
  return { primaries: [primary], ownerOf: () => primary, sentinel: { server, master } };
}

async function nodesOf(connections: Connections, address: RedisAddress): Promise<Servers> {
  const seed = await connections.first(address.places, address.login);
  const slots = slotRanges(await connections.raw(seed, 'CLUSTER', 'SLOTS'), placeIn(seed.place).host);
  const primaries = new Map<string, ProbedServer>();
  for (const { owner } of slots) {
    const name = formatRedisPlace(owner);
    if (!primaries.has(name)) primaries.set(name, await connections.first([owner], address.login));
  }
  const ownerOf = (key: string): ProbedServer => {
    const slot = slotOf(key);
    const range = slots.find(({ from, to }) => slot >= from && slot <= to);
    return (range && primaries.get(formatRedisPlace(range.owner))) ?? seed;
  };
  return { primaries: [...primaries.values()], ownerOf };
}

interface SlotRange {
  readonly from: number;
  readonly to: number;
  readonly owner: RedisPlace;
}

/** A node that does not know its own address leaves it out: it is the one that was asked. */
function slotRanges(reply: Reply, askedHost: string): readonly SlotRange[] {
  return listOf(reply).map((range) => {
    const [from, to, owner] = listOf(range);
    const [host, port] = listOf(owner);
    const name = textOf(host);
    const place = { host: name === '' || name === '?' ? askedHost : name, port: numberOf(port) };
    return { from: numberOf(from), to: numberOf(to), owner: place };
  });
}

/** Somebody who knows no password. Absent when that could not be tried. */
async function anonymousServer(
  connections: Connections,
  address: RedisAddress,
  own: ProbedServer,
): Promise<ProbedServer | undefined> {
  const { user, password, passwordFile } = address.login;
  if (user === undefined && password === undefined && passwordFile === undefined) return own;
  const place = placeIn(own.place);
  try {
    return await connections.first([place], {});
  } catch (error) {
    if (!(error instanceof LoginRefusedError)) return undefined;
    return { place: own.place, ask: () => Promise.resolve({ ok: false, error: 'NOAUTH' }) };
  }
}

function placeIn(text: string): RedisPlace {
  const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(text) ?? [];
  return { host, port: Number(port) };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.'));
}

class Connections implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #address: RedisAddress;
  readonly #opened = new Map<ProbedServer, RedisConnection>();

  constructor({ clock }: { clock: Clock }, address: RedisAddress) {
    this.#clock = clock;
    this.#address = address;
  }

  /** The first that answers. @throws the last error when none does */
  async first(places: readonly RedisPlace[], login: RedisLogin): Promise<ProbedServer> {
    let failure: unknown;
    for (const place of places) {
      try {
        return await this.#open(place, login);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async raw(server: ProbedServer, ...command: readonly [string, ...string[]]): Promise<Reply> {
    const [reply] = await this.#of(server).call([command]);
    if (reply === undefined || reply instanceof RedisReplyError) throw storeErrorOf(reply, server.place);
    return reply;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#opened.values()) connection.close();
  }

  async #open(place: RedisPlace, login: RedisLogin): Promise<ProbedServer> {
    const init = { place, address: this.#address, login, name: 'isthmus-store-check' };
    const connection = await RedisConnection.open({ clock: this.#clock }, init);
    const server: ProbedServer = { place: connection.place, ask: (...command) => ask(connection, command) };
    this.#opened.set(server, connection);
    return server;
  }

  #of(server: ProbedServer): RedisConnection {
    const connection = this.#opened.get(server);
    if (connection === undefined) throw new StoreUnavailableError(`there is no connection to ${server.place}`);
    return connection;
  }
}

async function ask(connection: RedisConnection, command: readonly string[]): Promise<Answer> {
  const [name = '', ...args] = command;
  try {
    const [reply] = await connection.call([[name, ...args]]);
    return reply instanceof RedisReplyError ? { ok: false, error: reply.message } : { ok: true, value: plain(reply) };
  } catch (error) {
    throw storeErrorOf(error, connection.place);
  }
}

function plain(reply: Reply | undefined): ProbeReply {
  if (reply === undefined || reply === null) return undefined;
  if (typeof reply === 'number') return reply;
  if (Buffer.isBuffer(reply)) return reply.toString('utf8');
  if (reply instanceof RedisReplyError) return reply.message;
  return reply.map(plain);
}

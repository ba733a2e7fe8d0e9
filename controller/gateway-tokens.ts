import { constants } from 'node:fs';
import { basename, dirname } from 'node:path';
import { z } from 'zod';
import { isDnsLabel } from '../federation/model/ids.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorText, IsthmusError } from '../runtime/errors.ts';
import type { Random } from '../runtime/random.ts';
import type { GatewayAuthenticator, GatewayVerdict } from '../trust/gateway-authenticator.ts';
import { gatewayOfToken, hashOfToken, makeGatewayToken, matchesHash } from '../trust/gateway-token.ts';
import { openPrivateFile, replacePrivateFile } from '../trust/private-file.ts';

/**
 * Tokens of gateways on hosts of their own, one each: a new one takes the place of the old. Only hashes are kept, in a file
 * that the replicas of a site share, so it is read anew at each question: logins are rare.
 */
export class GatewayTokens implements GatewayAuthenticator {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #path: string;
  /** The newest write: the next one reads what it wrote. */
  #writing: Promise<unknown> = Promise.resolve();

  /** @param init.path `gateway-tokens.json` of the state folder */
  constructor(components: { readonly clock: Clock; readonly random: Random }, init: { readonly path: string }) {
    this.#clock = components.clock;
    this.#random = components.random;
    this.#path = init.path;
  }

  /** The text that goes to the gateway's host. From now on the one before is worth nothing. */
  create(gateway: string): Promise<string> {
    const made = this.#writing.then(() => this.#replace(gateway));
    this.#writing = made.catch(() => undefined); // told to whoever asked
    return made;
  }

  async authenticate(token: string, claimed: string): Promise<GatewayVerdict> {
    const gateway = gatewayOfToken(token);
    if (gateway === undefined) return refused('NotAGatewayToken', 'this is no token of a gateway of this site');
    if (gateway !== claimed) return refused('WrongGateway', `the token is that of gateway ${gateway}`);
    try {
      const { tokens } = await this.#read();
      const known = tokens.find((one) => one.gateway === gateway);
      if (known !== undefined && matchesHash(token, known.sha256)) return { kind: 'admitted', gateway };
    } catch (error) {
      return { kind: 'unknown', message: errorText(error) };
    }
    return refused('TokenReplaced', 'the token is not the newest one that was made for this gateway');
  }

  async #replace(gateway: string): Promise<string> {
    const token = makeGatewayToken(gateway, this.#random);
    const { tokens } = await this.#read();
    const entry = { gateway, sha256: hashOfToken(token), createdAtMs: this.#clock.epochMs() };
    const content: TokenFile = { version: 1, tokens: [...tokens.filter((one) => one.gateway !== gateway), entry] };
    await replacePrivateFile(dirname(this.#path), basename(this.#path), `${JSON.stringify(content, undefined, 2)}\n`);
    return token;
  }

  async #read(): Promise<TokenFile> {
    const file = await openPrivateFile(this.#path, constants.O_RDONLY);
    if (file === undefined) return { version: 1, tokens: [] };
    try {
      const { size } = await file.stat();
      if (size > FILE_BYTES_MAX) throw new DamagedTokensError(this.#path, `it has ${size} octets`);
      const parsed = fileSchema.safeParse(JSON.parse(await file.readFile('utf8')));
      if (!parsed.success) throw new DamagedTokensError(this.#path, z.prettifyError(parsed.error));
      return parsed.data;
    } catch (error) {
      throw error instanceof SyntaxError ? new DamagedTokensError(this.#path, error.message) : error;
    } finally {
      await file.close();
    }
  }
}

export class DamagedTokensError extends IsthmusError {
  constructor(path: string, why: string) {
    super('damaged-gateway-tokens', `the tokens of gateways cannot be read: ${why}`, {
      fields: { path },
      hint: `remove ${path} and make new tokens`,
    });
  }
}

/** 1,000 gateways. */
const FILE_BYTES_MAX = 256 * 1024;

const fileSchema = z.strictObject({
  version: z.literal(1),
  tokens: z.array(
    z.strictObject({
      gateway: z.string().refine(isDnsLabel, { error: 'not a DNS label' }),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
      createdAtMs: z.number(),
    }),
  ),
});
type TokenFile = z.output<typeof fileSchema>;

function refused(reason: string, message: string): GatewayVerdict {
  return { kind: 'refused', reason, message };
}

import { access, constants, readFile } from 'node:fs/promises';
import { isRedisUrl, parseRedisAddress } from '../../federation/store/redis/address.ts';
import { parseStoreAddress } from '../../federation/store/remote/address.ts';
import { errorText, type Finding, InvalidInputError } from '../../runtime/errors.ts';

/**
 * A store address as somebody has just typed it: its form, and the files that it names. A controller does not look ahead
 * like this: a password that is not mounted yet must not keep it from serving what it knows.
 */
const FILES = [
  ['password-file', undefined],
  ['sentinel-password-file', undefined],
  ['ca', /-----BEGIN (TRUSTED )?CERTIFICATE-----/],
  ['cert', /-----BEGIN CERTIFICATE-----/],
  ['key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
] as const;

/** @throws InvalidInputError that names each part and file that is wrong, and no secret */
export async function checkStoreAddress(url: string): Promise<void> {
  if (!isRedisUrl(url)) {
    if (url.startsWith('isthmus:')) named(() => parseStoreAddress(url));
    return;
  }
  const { login, sentinelLogin, tls } = named(() => parseRedisAddress(url));
  const paths = { 'password-file': login.passwordFile, 'sentinel-password-file': sentinelLogin.passwordFile, ...tls };
  const checked = await Promise.all(FILES.map(([name, form]) => checkFile(name, paths[name], form)));
  const findings = checked.filter((finding) => finding !== undefined);
  if (findings.length > 0) throw new InvalidInputError('store address', findings);
}

/** The parsers name the part in the message already; what they cannot know is that this is a store's address. */
function named<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    const findings = error.findings.map((finding) => ({ ...finding, field: 'store address' }));
    throw new InvalidInputError('store address', findings);
  }
}

async function checkFile(
  name: string,
  path: string | undefined,
  form: RegExp | undefined,
): Promise<Finding | undefined> {
  if (path === undefined) return undefined;
  const finding = (message: string, hint: string): Finding => {
    return {
      severity: 'error',
      reason: 'InvalidStoreFile',
      field: 'store address',
      message: `${name}: ${message}`,
      hint,
    };
  };
  try {
    await access(path, constants.R_OK);
    if (form === undefined || form.test(await readFile(path, 'utf8'))) return undefined;
  } catch (error) {
    return finding(`cannot read the file: ${errorText(error)}`, 'does it exist, and may this user read it?');
  }
  return finding(`${path} has nothing of this kind in it`, 'it is a file in PEM form, with lines -----BEGIN ...-----');
}

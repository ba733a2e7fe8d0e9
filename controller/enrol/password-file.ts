import { readFile } from 'node:fs/promises';
import { errorText, IsthmusError } from '../../runtime/errors.ts';

/** A password of a store in a file of its own, as `isthmus store acl --write-passwords` makes them. */
const PASSWORD_CHARACTERS_MAX = 1_024;

export class PasswordFileError extends IsthmusError {
  constructor(path: string, what: string, cause?: unknown) {
    super('password-file', `the password file ${path} ${what}`, {
      cause,
      fields: { path },
      hint: 'one line with the password, readable for the user that runs Isthmus',
    });
  }
}

/** Without the line's end. @throws PasswordFileError */
export async function readPassword(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new PasswordFileError(path, `cannot be read: ${errorText(error)}`, error);
  });
  // Of blanks nobody knows whether they are part of it; a line's end never is.
  const password = text.replace(/\r?\n$/, '');
  if (password === '') throw new PasswordFileError(path, 'is empty');
  if (password.length > PASSWORD_CHARACTERS_MAX || password.includes('\n')) {
    throw new PasswordFileError(path, 'has more in it than one password');
  }
  return password;
}

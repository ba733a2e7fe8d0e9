import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { isNativeError } from 'node:util/types';
import { errorText, type Finding } from '../runtime/errors.ts';
import { DOCUMENT_LIMITS, fileTooLarge } from './documents/parse.ts';

/**
 * The text of a small file, or the finding why there is none. Large and special files are refused before anything is
 * read from them.
 */
export type ReadFile =
  | { readonly kind: 'text'; readonly text: string; readonly stamp: FileStamp }
  | { readonly kind: 'missing'; readonly finding: Finding }
  | { readonly kind: 'refused'; readonly finding: Finding; readonly stamp?: FileStamp };

/** Changes whenever the content may have changed: a rename over it changes the inode, a write the times. */
export type FileStamp = string;

export async function readSmallFile(file: string): Promise<ReadFile> {
  try {
    // O_NONBLOCK: opening a FIFO that nobody writes to would wait for ever.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    return await readHandle(handle, file);
  } catch (error) {
    const code = isNativeError(error) && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      return { kind: 'missing', finding: finding(file, 'FileNotFound', 'there is no such file') };
    }
    const message = code === 'EACCES' ? 'the file may not be read by this user' : errorText(error);
    return { kind: 'refused', finding: finding(file, 'UnreadableFile', message) };
  }
}

async function readHandle(handle: FileHandle, file: string): Promise<ReadFile> {
  const facts = await handle.stat({ bigint: true });
  const stamp = stampOf(facts);
  const refuse = (found: Finding): ReadFile => ({ kind: 'refused', finding: found, stamp });
  if (!facts.isFile()) return refuse(finding(file, 'NotAFile', 'a file is expected, this is a folder or a device'));
  if (facts.size > DOCUMENT_LIMITS.fileBytesMax) return refuse(fileTooLarge(file, Number(facts.size)));
  // One byte more than it has: a regular file that fills less has ended, a fuller one is growing under our hands.
  const buffer = Buffer.allocUnsafe(Number(facts.size) + 1);
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
  if (bytesRead === buffer.length) return refuse(finding(file, 'FileChanging', 'the file grew while it was read'));
  const bytes = buffer.subarray(0, bytesRead);
  try {
    return { kind: 'text', text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), stamp };
  } catch {
    return refuse(finding(file, 'InvalidEncoding', 'the file is not UTF-8 text'));
  }
}

export function stampOf(facts: {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}): FileStamp {
  return [facts.dev, facts.ino, facts.size, facts.mtimeNs, facts.ctimeNs].join(':');
}

function finding(file: string, reason: string, message: string): Finding {
  return { severity: 'error', reason, message, file };
}

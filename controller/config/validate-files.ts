import type { Finding } from '../../runtime/errors.ts';
import { readSmallFile } from '../../sources/read-file.ts';
import { checkFiles, type FilesReport, type SourceFile } from './check-files.ts';

/** `isthmus config validate`: reads the files and reports everything that is wrong with them, in the order given. */
export async function validateFiles(paths: readonly string[]): Promise<FilesReport> {
  const files: SourceFile[] = [];
  const unreadable: Finding[] = [];
  for (const path of new Set(paths)) {
    const read = await readSmallFile(path);
    if (read.kind === 'text') files.push({ file: path, text: read.text });
    else unreadable.push(read.finding);
  }
  const report = checkFiles(files);
  return { ...report, findings: [...unreadable, ...report.findings] };
}

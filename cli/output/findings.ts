import type { Finding } from '../../runtime/errors.ts';
import type { Io } from '../io.ts';

/** One line a problem, in the form that editors and CI systems jump to: `file:line: field: message (hint)`. */
export function formatFinding(finding: Finding): string {
  const place = [finding.file, finding.line].filter((part) => part !== undefined).join(':');
  const parts = [place, finding.severity === 'warning' ? 'warning' : '', finding.field ?? '', finding.message];
  const hint = finding.hint === undefined ? '' : ` (${finding.hint})`;
  // A name in a file may hold anything; a finding stays one line and cannot move a terminal's cursor.
  return oneLine(`${parts.filter((part) => part !== '').join(': ')}${hint}`);
}

export function writeFindings(findings: readonly Finding[], io: Io): void {
  for (const finding of findings) io.stderr.write(`${formatFinding(finding)}\n`);
}

export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]+/gu, ' ');
}

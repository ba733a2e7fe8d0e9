import { errorText, type Finding } from '../../runtime/errors.ts';
import { type Document, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, type Node, parseAllDocuments } from 'yaml';

/**
 * Text to YAML documents that still know on which line each field stands, so that a finding can name it. Input is
 * bounded before anything costly happens: bytes, documents, depth, aliases, nodes.
 */
export const DOCUMENT_LIMITS = {
  /** Of one file. Ten thousand endpoints fit; a log file given by mistake does not. */
  fileBytesMax: 1024 * 1024,
  documentsMax: 10_000,
  /** Nesting of maps and lists. Ours have at most six levels. */
  depthMax: 50,
  /** How often one anchor may be expanded in all (the "billion laughs" bound of the YAML library). */
  aliasesMax: 100,
} as const;

/** Where in a document: keys and indexes from its root. */
export type FieldPath = readonly (string | number)[];

export interface SourceDocument {
  readonly file: string;
  /** Line of the document's first content, from 1. */
  readonly line: number;
  /** Plain values; keys are strings. Not validated. */
  readonly value: unknown;
  /** Line of the key, or of the nearest enclosing field that exists. */
  lineOf(path: FieldPath): number;
}

export interface ParsedDocuments {
  readonly documents: readonly SourceDocument[];
  readonly findings: readonly Finding[];
}

/** `spec.gateways[0].port` */
export function formatPath(path: FieldPath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    const plain = /^[\w/-]+$/.test(step) ? step : JSON.stringify(step.slice(0, 80));
    return text === '' ? plain : `${text}.${plain}`;
  }, '');
}

/** The finding for a file above the limit. Callers look at the size first, so that the content is never read. */
export function fileTooLarge(file: string, bytes: number): Finding {
  return {
    severity: 'error',
    reason: 'FileTooLarge',
    message: `the file has ${bytes} bytes, more than the limit of ${DOCUMENT_LIMITS.fileBytesMax}`,
    file,
    line: 1,
    hint: 'split it into several files',
  };
}

export function parseDocuments(text: string, file: string): ParsedDocuments {
  if (text.length > DOCUMENT_LIMITS.fileBytesMax) {
    return { documents: [], findings: [fileTooLarge(file, Buffer.byteLength(text))] };
  }
  const lines = new LineCounter();
  const lastCharacter = text.trimEnd().length - 1;
  const problem = (reason: string, message: string, offset: number, hint?: string): Finding => ({
    severity: 'error',
    reason,
    message,
    file,
    // Whatever lacks its end is noticed at the end of the text: the last line that holds something is meant.
    line: Math.max(1, lines.linePos(Math.min(offset, lastCharacter)).line),
    ...(hint === undefined ? {} : { hint }),
  });
  const tooDeep = flowTooDeep(text);
  if (tooDeep !== undefined) {
    lines.lineStarts.push(...lineStarts(text));
    return { documents: [], findings: [problem('TooDeep', depthMessage(), tooDeep)] };
  }
  // Two keys of the same name are found below: the library's own check takes 20 s for a map of 40,000 keys.
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    uniqueKeys: false,
    stringKeys: true,
    prettyErrors: false,
    logLevel: 'silent',
  });
  if (!Array.isArray(parsed) || parsed.length > DOCUMENT_LIMITS.documentsMax) {
    if (!Array.isArray(parsed)) return { documents: [], findings: [] };
    const message = `the file has ${parsed.length} documents, more than the limit of ${DOCUMENT_LIMITS.documentsMax}`;
    return { documents: [], findings: [problem('TooManyDocuments', message, 0)] };
  }
  const documents: SourceDocument[] = [];
  const findings: Finding[] = [];
  for (const document of parsed) {
    const found = checkDocument(document, problem);
    findings.push(...found);
    if (found.length > 0 || document.contents === null) continue;
    try {
      documents.push(sourceDocument(document, file, lines));
    } catch (error) {
      // An alias without its anchor, or anchors expanded so often that the document would fill the memory.
      const at = document.contents.range?.[0] ?? 0;
      const message = /excessive/i.test(errorText(error))
        ? 'anchors are expanded too often'
        : 'an alias has no anchor before it';
      findings.push(problem('InvalidAlias', message, at, 'write the values out'));
    }
  }
  return { documents, findings };
}

type Problem = (reason: string, message: string, offset: number, hint?: string) => Finding;

const ERRORS_PER_DOCUMENT_MAX = 5;

function checkDocument(document: Document, problem: Problem): Finding[] {
  const syntax = document.errors.slice(0, ERRORS_PER_DOCUMENT_MAX).map((error) => {
    // The library is recursive and ends such input by the stack's limit.
    if (error.code === 'RESOURCE_EXHAUSTION') return problem('TooDeep', depthMessage(), error.pos[0]);
    const text = error.message.charAt(0).toLowerCase() + error.message.slice(1);
    return problem('InvalidYaml', text.replace(/\.$/, ''), error.pos[0]);
  });
  // Errors beyond the first usually follow from it, but those are cheap to read and sometimes the real one.
  if (syntax.length > 0) return syntax;
  const findings: Finding[] = [];
  if (document.contents !== null) walk(document.contents, 0, findings, problem);
  return findings;
}

/** Duplicate keys and depth, in one pass over the nodes. */
function walk(node: Node, depth: number, findings: Finding[], problem: Problem): void {
  if (findings.length >= ERRORS_PER_DOCUMENT_MAX) return;
  if (depth > DOCUMENT_LIMITS.depthMax) {
    findings.push(problem('TooDeep', depthMessage(), node.range?.[0] ?? 0));
    return;
  }
  if (isSeq<Node>(node)) for (const item of node.items) walk(item, depth + 1, findings, problem);
  if (!isMap<Node, Node | null>(node)) return;
  const seen = new Set<string>();
  for (const pair of node.items) {
    const key = isScalar(pair.key) ? String(pair.key.value) : '';
    if (seen.has(key)) {
      const message = `the field ${JSON.stringify(key.slice(0, 80))} stands here a second time`;
      findings.push(problem('DuplicateField', message, pair.key.range?.[0] ?? 0, 'keep one of the two'));
    }
    seen.add(key);
    if (pair.value !== null) walk(pair.value, depth + 1, findings, problem);
  }
}

function depthMessage(): string {
  return `maps and lists are nested more than ${DOCUMENT_LIMITS.depthMax} levels deep`;
}

/** Offset of the first bracket that is nested too deep. The parser is recursive and slow on such input; the lexer is not. */
function flowTooDeep(text: string): number | undefined {
  if (!/[[{]/.test(text)) return undefined;
  let depth = 0;
  let offset = 0;
  for (const token of new Lexer().lex(text)) {
    if (token === '[' || token === '{') depth += 1;
    if (token === ']' || token === '}') depth -= 1;
    if (depth > DOCUMENT_LIMITS.depthMax) return offset;
    // The lexer adds marks of one control character for the start of a document, a flow's end and a scalar.
    if (token !== '\u0002' && token !== '\u0018' && token !== '\u001f') offset += token.length;
  }
  return undefined;
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

function sourceDocument(document: Document, file: string, lines: LineCounter): SourceDocument {
  const root = document.contents as Node;
  const lineAt = (offset: number | undefined): number => Math.max(1, lines.linePos(offset ?? 0).line);
  const rootLine = lineAt(root.range?.[0]);
  return {
    file,
    line: rootLine,
    value: document.toJS({ maxAliasCount: DOCUMENT_LIMITS.aliasesMax }),
    lineOf: (path) => {
      let node: Node | undefined = root;
      let line = rootLine;
      for (const step of path) {
        if (isAlias(node)) node = node.resolve(document);
        const next: Step | undefined = node === undefined ? undefined : child(node, step);
        if (next === undefined) return line;
        line = lineAt(next.offset);
        node = next.node;
      }
      return line;
    },
  };
}

interface Step {
  readonly node: Node | undefined;
  readonly offset: number | undefined;
}

function child(node: Node, step: string | number): Step | undefined {
  if (isSeq<Node>(node) && typeof step === 'number') {
    const item = node.items[step];
    return item === undefined ? undefined : { node: item, offset: item.range?.[0] };
  }
  if (!isMap<Node, Node | null>(node)) return undefined;
  const pair = node.items.find((candidate) => isScalar(candidate.key) && String(candidate.key.value) === String(step));
  return pair === undefined ? undefined : { node: pair.value ?? undefined, offset: pair.key.range?.[0] };
}

/** What the documentation says that a program can check: links lead somewhere, commands and their flags exist, examples are valid. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { Command } from 'commander';
import { parseAllDocuments, stringify } from 'yaml';
import { buildProgram } from '../cli/program.ts';
import { checkFiles } from '../controller/config/check-files.ts';

const ROOT = resolve(import.meta.dirname, '..');
const PAGES = globSync(['*.md', 'docs/**/*.md', 'bench/*.md', 'deploy/**/*.md', 'tools/**/*.md'], {
  cwd: ROOT,
}).toSorted();
/** Generated from the program itself. */
const GENERATED = new Set(['docs/reference/cli.md']);
const OWN_GROUP = 'isthmus.dev/';

function textOf(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8');
}

/** As GitHub makes them: lower case, spaces to dashes, all but letters, digits, dashes and underscores left out. */
function anchorsOf(file: string): ReadonlySet<string> {
  const headings = readFileSync(file, 'utf8').matchAll(/^#{1,6} (.*)$/gm);
  return new Set(
    [...headings].map(([, heading = '']) => {
      const plain = heading.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').trim();
      return plain.toLowerCase().replaceAll(' ', '-');
    }),
  );
}

test('every link of the documentation leads to a file, and to a heading that is there', () => {
  const broken = PAGES.flatMap((page) => {
    const prose = textOf(page).replaceAll(/```.*?```|`[^`\n]*`/gs, '');
    const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
    return links.flatMap((link) => {
      if (/^[a-z]+:/.test(link)) return [];
      const [path = '', anchor] = link.split('#');
      const file = path === '' ? join(ROOT, page) : resolve(ROOT, dirname(page), path);
      const leads = existsSync(file) && (anchor === undefined || anchorsOf(file).has(anchor));
      return leads ? [] : [`${page}: ${link}`];
    });
  });
  assert.deepEqual(broken, []);
});

const silent = new PassThrough();
const program = buildProgram({
  stdout: silent,
  stderr: silent,
  env: {},
  cwd: '/',
  stopSignal: () => new AbortController().signal,
});

/** What is wrong with a command line of the documentation; undefined when nothing is. */
function mistakeIn(words: readonly string[]): string | undefined {
  let command: Command = program;
  const rest = [...words];
  for (;;) {
    const next = command.commands.find((one) => one.name() === rest[0]);
    if (next === undefined) break;
    command = next;
    rest.shift();
  }
  if (command === program && rest[0] !== 'help' && rest[0] !== '--help') return `no command ${rest[0] ?? ''}`;
  if (command.commands.length > 0 && rest[0] !== undefined && /^[a-z]/.test(rest[0])) {
    return `${command.name()} has no ${rest[0]}`;
  }
  const known = new Set([...command.options.flatMap(({ long, short }) => [long, short]), '--help', '-h']);
  const flags = rest.map((word) => /^--?[a-z][a-z-]*/.exec(word)?.[0]).filter((flag) => flag !== undefined);
  const unknown = flags.find((flag) => !known.has(flag));
  return unknown === undefined ? undefined : `${command.name()} has no ${unknown}`;
}

/** Command lines in blocks of code: continued lines joined, up to a comment, a pipe or the next command. */
function commandLines(page: string): readonly string[] {
  const blocks = [...textOf(page).matchAll(/```(?:sh|text|console)?\n(.*?)```|(?:^ {4}\S.*\n)+/gms)];
  return blocks.flatMap(([block = '']) => {
    const lines = block.replaceAll('\\\n', ' ').split('\n');
    return lines.flatMap((line) => {
      const start = /(?:^|[|;] *|\$ +|-- |sudo -u isthmus |&& )isthmus ([a-z].*)$/.exec(line.trim())?.[1];
      return start === undefined ? [] : [start.replace(/\s*(?:\s#|\||>|&&|;).*$/s, '')];
    });
  });
}

test('a command or a flag that does not exist is found', () => {
  assert.equal(mistakeIn(['get', 'services', '--output=json']), undefined);
  assert.match(mistakeIn(['get', 'services', '--colour']) ?? '', /--colour/);
  assert.match(mistakeIn(['store', 'burn']) ?? '', /burn/);
  assert.match(mistakeIn(['fly']) ?? '', /fly/);
});

test('every command line of the documentation is one that the program takes', () => {
  const lines = PAGES.filter((page) => !GENERATED.has(page)).flatMap((page) =>
    commandLines(page).map((line) => ({ page, line })),
  );
  assert.ok(lines.length > 30, `${lines.length} lines were found`);
  const mistakes = lines.flatMap(({ page, line }) => {
    const mistake = mistakeIn(line.replaceAll(/\[|\]/g, '').trim().split(/\s+/));
    return mistake === undefined ? [] : [`${page}: isthmus ${line}: ${mistake}`];
  });
  assert.deepEqual(mistakes, []);
});

test('every example of our kinds in a guide is valid', () => {
  const found = PAGES.filter((page) => page.startsWith('docs/guides/')).flatMap((page) => {
    const blocks = [...textOf(page).matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => text);
    const documents = blocks.flatMap((text) => parseAllDocuments(text).map((one) => one.toJS() as unknown));
    const ours = documents.filter((one) => stringify(one).includes(`apiVersion: ${OWN_GROUP}`));
    return ours.map((one) => ({ file: page, text: stringify(one) }));
  });
  assert.ok(found.length >= 3);
  for (const example of found) assert.deepEqual(checkFiles([example]).findings, [], example.text);
});

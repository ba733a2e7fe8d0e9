import { IsthmusError } from '../../runtime/errors.ts';

/** Reference pages are written by hand around sections that are generated: `<!-- generated: NAME -->` to `<!-- end -->`. */
const BEGIN = /<!-- generated: ([a-z-]+) -->/;

export class MissingSectionError extends IsthmusError {
  constructor(name: string) {
    super('missing-section', `the page has no section ${name}, or the section has no end`);
  }
}

/** The page with each named section replaced. Sections of the page that are not named stay as they are. */
export function withSections(page: string, sections: ReadonlyMap<string, string>): string {
  let text = page;
  for (const [name, content] of sections) {
    const begin = `<!-- generated: ${name} -->`;
    const from = text.indexOf(begin);
    const to = text.indexOf('<!-- end -->', from);
    if (from < 0 || to < 0) throw new MissingSectionError(name);
    text = `${text.slice(0, from + begin.length)}\n\n${content.trim()}\n\n${text.slice(to)}`;
  }
  return text;
}

export function sectionNames(page: string): readonly string[] {
  return page.split('\n').flatMap((line) => BEGIN.exec(line)?.[1] ?? []);
}

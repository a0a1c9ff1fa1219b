/** @file Templates, styles and scripts of the page, as the files that designers edit. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import Handlebars from 'handlebars';

/** The compiler copies no such files, so they are read from the sources, beside or above. */
const FOLDER = fileURLToPath(new URL('../../src/report', import.meta.url));

/** All style sheets: base.css, then the sections'. */
export function styles(): string {
  return filesOf('styles', 'base.css').join('\n');
}

/** All scripts as one: page.js, which the others use, then each of them in a block of its own, so that their names do not meet. */
export function scripts(): string {
  const [page = '', ...others] = filesOf('browser', 'page.js');
  return [page, ...others.map((text) => `{\n${text}}\n`)].join('\n');
}

let compiled: { page: HandlebarsTemplateDelegate; sweep: HandlebarsTemplateDelegate } | undefined;

/**
 * page.hbs, and sweep.hbs, which is given which sweep of the page it shows as `@sweep`; both with all partials.
 * `{{anchor "name"}}` is an id that no other sweep of the page has.
 */
export function templates() {
  if (!compiled) {
    const handlebars = Handlebars.create();
    for (const name of names('partials')) {
      handlebars.registerPartial(path.basename(name, '.hbs'), asset('partials', name));
    }
    handlebars.registerHelper('anchor', (name: string, { data }: { data: { sweep: number } }) =>
      data.sweep > 0 ? `${name}-${data.sweep + 1}` : name,
    );
    const compile = (name: string) => handlebars.compile(asset(name), { strict: true, preventIndent: true });
    compiled = { page: compile('page.hbs'), sweep: compile('sweep.hbs') };
  }
  return compiled;
}

function filesOf(folder: string, first: string): string[] {
  const others = names(folder).filter((name) => name !== first && /\.(css|js)$/.test(name));
  return [first, ...others].map((name) => asset(folder, name));
}

/** In an order that depends on no machine. */
function names(folder: string): string[] {
  return readdirSync(path.join(FOLDER, folder)).sort();
}

/** Line ends as a browser's parser makes them, or the hash of the script would not fit. */
function asset(...parts: string[]): string {
  return readFileSync(path.join(FOLDER, ...parts), 'utf8').replaceAll('\r\n', '\n');
}

/** @file Mistakes in YAML itself, in words for people who do not know its grammar. */
import { visit } from 'yaml';
import type { YAMLError } from 'yaml';
import { nearest } from './nearest.js';
import type { Place, Problem } from './problem.js';
import { placeAt, placeOfNode } from './source.js';
import type { Source } from './source.js';

/** How a tab in the indentation may come out. */
const SYNTAX_OF_INDENTATION = new Set([
  'TAB_AS_INDENT',
  'BAD_INDENT',
  'UNEXPECTED_TOKEN',
  'MISSING_CHAR',
  'BLOCK_AS_IMPLICIT_KEY',
  'MULTILINE_IMPLICIT_KEY',
]);

/** One slip of the pen makes the parser stumble several times on a line: the first is the one to tell. */
export function describeSyntaxErrors(source: Source): Problem[] {
  const lines = new Set<number | undefined>();
  return source.document.errors
    .map((error) => syntaxProblem(source, error))
    .filter(({ place }) => !lines.has(place.line) && lines.add(place.line));
}

/** Aliases of nothing. */
export function findDangling(source: Source): Problem[] {
  const anchors: string[] = [];
  const problems: Problem[] = [];
  visit(source.document, {
    Value(_, node) {
      if (node.anchor !== undefined) anchors.push(node.anchor);
    },
    Alias(_, node) {
      if (node.resolve(source.document) !== undefined) return;
      const meant = nearest(node.source, anchors);
      problems.push({
        place: placeOfNode(source, node),
        message: `no anchor &${node.source} stands before this alias`,
        expected:
          anchors.length === 0
            ? 'an anchor (&name) further up'
            : `one of ${anchors.map((a) => `*${a}`).join(', ')}`,
        hints: meant === undefined ? [] : [`did you mean '*${meant}'?`],
      });
    },
  });
  return problems;
}

/** Values that YAML reads otherwise than the eye does. */
export function findTraps(source: Source): Problem[] {
  const problems: Problem[] = [];
  visit(source.document, {
    Scalar(role, node) {
      if (role === 'key' || typeof node.value !== 'number') return;
      if (node.source === undefined || !/^[-+]?0\d+$/.test(node.source)) return;
      problems.push({
        place: placeOfNode(source, node),
        message: `${node.source} starts with a zero`,
        expected: `${node.value} for the number, '${node.source}' in quotes for the text`,
        settles: true,
        hints: [
          'YAML 1.2 reads the digits as a decimal number, YAML 1.1 as an octal number or as text: it is not left to chance here',
        ],
      });
    },
  });
  return problems;
}

function syntaxProblem(source: Source, { code, pos, message }: YAMLError): Problem {
  const place = placeAt(source, pos[0], pos[1]);
  const line = place.source;
  if (/^ *\t/.test(line) && SYNTAX_OF_INDENTATION.has(code)) {
    const tab = place.order - place.start + line.indexOf('\t');
    return {
      place: placeAt(source, tab, tab + 1),
      message: 'a tab stands where the line is indented',
      expected: 'spaces: YAML allows no tabs there',
    };
  }
  const unclosed = /must (?:be sufficiently indented and )?end with an? (.)|Missing closing (['"])/.exec(
    message,
  );
  if (unclosed !== null) {
    return {
      place: atText(source, pos[0]),
      message: `a ${unclosed[1] ?? unclosed[2]} is missing here or further up`,
      expected: 'brackets, braces and quotes in pairs',
    };
  }
  switch (code) {
    case 'DUPLICATE_KEY': {
      const key = /^[^:,}\s]+/.exec(source.text.slice(pos[0]))?.[0] ?? '';
      return {
        place: placeAt(source, pos[0], pos[0] + key.length),
        message: `the key ${key} stands twice in one mapping`,
        expected: 'every key once; a list takes several values: [64, 128]',
      };
    }
    case 'MULTIPLE_DOCS':
      return {
        place,
        message: 'a second document starts here',
        expected: 'one study a file: put the second into a file of its own and take the --- away',
      };
    case 'BAD_SCALAR_START':
      return {
        place,
        message: `a value cannot start with ${source.text[pos[0]]}`,
        expected: 'quotes around the text',
      };
    case 'UNEXPECTED_TOKEN':
      return {
        place,
        message: 'this is more than YAML expects here',
        expected: "nothing after a closing quote or bracket; an apostrophe within '…' is doubled: 'it''s'",
      };
    case 'MULTILINE_IMPLICIT_KEY':
    case 'BLOCK_AS_IMPLICIT_KEY':
      if (/^\s*[\w-]+:\s+[^\s[{'"].*:\s/.test(line)) {
        return {
          place,
          message: 'a second colon in one line',
          expected: "quotes around a text that holds a colon: 'a: b'",
        };
      }
      return {
        place,
        message: 'this line does not fit those around it',
        expected:
          '"key: value" with the indentation of its neighbours, one key a line or {a: 1, b: 2} in braces',
      };
    case 'NON_STRING_KEY':
      return {
        place,
        message: 'a list or a mapping stands where a key should',
        expected: 'a name: key: value',
      };
    case 'BAD_INDENT':
      return {
        place,
        message: 'the indentation fits no line above',
        expected: 'as many spaces as the other keys of the same mapping have',
      };
    default:
      return { place, message: `this is not YAML: ${message.charAt(0).toLowerCase()}${message.slice(1)}` };
  }
}

/** The place at an offset, or the last written one before it: the end of a file shows nothing. */
function atText(source: Source, offset: number): Place {
  const rest = source.text.slice(offset);
  if (rest.trim() !== '') return placeAt(source, offset, offset + 1);
  const end = source.text.trimEnd().length;
  return placeAt(source, end - 1, end);
}

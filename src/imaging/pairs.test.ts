import { describe, expect, it } from 'vitest';
import type { ImageFile } from './folder.js';
import { pairByName, pairByPosition, parseIndex } from './pairs.js';

function files(...names: string[]): ImageFile[] {
  return names.map((name) => ({ path: name, name, stem: name.replace(/\.png$/i, '') }));
}

describe('pairByName', () => {
  it('pairs equal stems and counts the others', () => {
    expect(
      pairByName(files('a.png', 'b.png', 's/c.png'), files('b.PNG', 'd.png', 'e.png', 's/c.png')),
    ).toEqual({
      pairs: [
        [1, 0],
        [2, 3],
      ],
      unmatched: [1, 2],
    });
  });

  it('refuses domains without a pair, and names that are used twice', () => {
    expect(() => pairByName(files('a.png'), files('b.png'))).toThrow(/finds no pair/);
    expect(() => pairByName(files('a.png', 'a.PNG'), files('a.png'))).toThrow(/same name/);
  });
});

describe('an index', () => {
  const [x, y] = [files('a.png', 'b.png', 'sub/c.png'), files('1.png', '2.png')];

  it('pairs by the columns x and y, in any order and beside others', () => {
    const text = 'Y;note;X\n"2.png";good;a.png\n1;;sub/c\n\n';
    expect(parseIndex(x, y, text, 'pairs.csv')).toEqual({
      pairs: [
        [0, 1],
        [2, 0],
      ],
      split: undefined,
    });
  });

  it.each([
    ['a,b\n1,2', /pairs\.csv:1: .* names the columns x and y/],
    ['x,y\na,1\nz,2', /pairs\.csv:3: 'z' is no image of X/],
    ['x,y\na,1\nb,1', /pairs\.csv:3: '1' of Y stands in pairs\.csv:2 already/],
    ['x,y\n', /lists no pair/],
  ])('refuses %j', (text, message) => {
    expect(() => parseIndex(x, y, text, 'pairs.csv')).toThrow(message);
  });

  it('splits by the column split, and names what stands alone', () => {
    const text = 'x,y,split\na,1,train\nb.png,,test\n,2,test\nsub/c,,\n';
    expect(parseIndex(x, y, text, 'index.csv')).toEqual({
      pairs: [[0, 0]],
      split: { train: ['a', '1'], validation: [], test: ['b', '2'] },
    });
    const json = JSON.stringify([
      { x: 'a', y: '1', split: 'train' },
      { x: 'b.png', split: 'test' },
      { y: '2', split: 'test' },
    ]);
    expect(parseIndex(x, y, json, 'index.json')).toEqual(parseIndex(x, y, text, 'index.csv'));
  });

  it.each([
    [
      'index.csv',
      'x,y,split\na,1,tset',
      /index\.csv:2: split 'tset' names nothing\. Expected train, validation/,
    ],
    ['index.csv', 'x,y,split\n,,test', /index\.csv:2: names no image/],
    ['index.json', '{"x": "a"}', /an index in JSON is a list/],
    ['index.json', '[{"x": "a", "y": 1}]', /entry 1: y is no text/],
    ['index.json', '[{"x": "z", "y": "1"}]', /entry 1: 'z' is no image of X/],
    ['index.json', '[{"x": "a",', /not JSON/],
  ])('%s with %s is refused', (file, text, message) => {
    expect(() => parseIndex(x, y, text, file)).toThrow(message);
  });
});

describe('pairByPosition', () => {
  const at = (...places: (string | undefined)[]): ImageFile[] =>
    places.map((place, index) => ({ path: `${index}`, name: `${index}`, stem: `${index}`, place }));

  it('pairs what lies at one place', () => {
    expect(pairByPosition(at('p', 'q', 'r'), at('r', 's', 'p'))).toEqual({
      pairs: [
        [0, 2],
        [2, 0],
      ],
      unmatched: [1, 1],
    });
  });

  it('refuses images without a place, two at one place, and domains without a pair', () => {
    expect(() => pairByPosition(at('p', undefined), at('p'))).toThrow(/needs DICOM files that give frame/);
    expect(() => pairByPosition(at('p'), at('p', 'p'))).toThrow(/lies at the same place as 0/);
    expect(() => pairByPosition(at('p'), at('q'))).toThrow(/finds no pair/);
  });
});

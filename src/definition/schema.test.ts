/** @file Tests of the JSON Schema that editors use: it is current, and it says what the reader says. */
import { readFile, readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { expandTrials } from './expand.js';
import { PARAMETER_KEYS } from './parameters.js';
import { readDefinition } from './read.js';
import { sweepJsonSchema } from './schema.js';

const SWEEPS = new URL('../../sweeps/', import.meta.url);

interface JsonSchema {
  description?: string;
  properties?: Record<string, JsonSchema>;
  definitions?: Record<string, JsonSchema>;
  anyOf?: JsonSchema[];
  required?: string[];
}

describe('sweeps/sweep.schema.json', () => {
  it('is what the schema gives; `npm run schema` writes it', async () => {
    const file: unknown = JSON.parse(await readFile(new URL('sweep.schema.json', SWEEPS), 'utf8'));
    expect(file).toEqual(JSON.parse(JSON.stringify(sweepJsonSchema())));
  });

  it('requires the four keys that have no default, and knows every parameter under every name', () => {
    const schema = sweepJsonSchema() as JsonSchema;
    expect(schema.required).toEqual(['name', 'data', 'grid', 'budget']);
    const keys = {
      setting: [],
      included: ['repeat'],
      condition: [],
      when: [],
      nested: ['groups', 'zip', 'draw'],
    };
    for (const [id, more] of Object.entries({ ...keys, crossed: [...keys.nested, 'repeat'] })) {
      expect(Object.keys(schema.definitions?.[id]?.properties ?? {}).sort()).toEqual(
        [...PARAMETER_KEYS, ...more].sort(),
      );
    }
  });

  it('describes every key', () => {
    const undescribed: string[] = [];
    const walk = (schema: JsonSchema, path: string) => {
      for (const [key, inner] of Object.entries({ ...schema.properties, ...schema.definitions })) {
        const isShare = path.endsWith('.split');
        const isDefinition = schema.definitions !== undefined && key in schema.definitions;
        if (inner.description === undefined && !isShare && !isDefinition) undescribed.push(`${path}.${key}`);
        walk(inner, `${path}.${key}`);
      }
      for (const option of schema.anyOf ?? []) walk(option, path);
    };
    walk(sweepJsonSchema(), '');
    expect(undescribed).toEqual([]);
  });
});

describe('the studies in sweeps/', () => {
  it('are read without an error and open with the schema and a comment', async () => {
    const files = (await readdir(SWEEPS)).filter((file) => file.endsWith('.yaml'));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const text = await readFile(new URL(file, SWEEPS), 'utf8');
      expect(text).toMatch(/^# yaml-language-server: \$schema=.\/sweep.schema.json\n#/);
      expect(expandTrials(readDefinition(text, file)).trials.length).toBeGreaterThan(0);
    }
  });

  it('hold the two settings of the study that is repeated', async () => {
    const text = await readFile(new URL('patch.yaml', SWEEPS), 'utf8');
    const { trials, varied } = expandTrials(readDefinition(text, 'patch.yaml'));
    expect(varied).toEqual(['patch', 'batch']);
    const settings = trials.map(({ parameters: p, seed }) => [p.patch, p.batch, p.lambda, p.gamma, seed]);
    expect(settings).toEqual(
      [1, 2, 3].map((seed) => [64, 16, 10, 5, seed]).concat([1, 2, 3].map((seed) => [128, 2, 10, 5, seed])),
    );
  });
});

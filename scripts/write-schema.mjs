/** @file Writes sweeps/sweep.schema.json, by which editors complete and check sweep files. Needs a build. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { sweepJsonSchema } from '../dist/definition/schema.js';

const file = fileURLToPath(new URL('../sweeps/sweep.schema.json', import.meta.url));
const style = await resolveConfig(file);
await writeFile(file, await format(JSON.stringify(sweepJsonSchema()), { ...style, parser: 'json' }));
console.log(`wrote ${file}`);

/** @file Finds the optional package @tensorflow/tfjs-node-gpu: the JavaScript of the backend and the source of its binding. */
import { createRequire } from 'node:module';
import path from 'node:path';
import { EngineError } from '../engine.js';

const require = createRequire(import.meta.url);

/** Its folder. @throws EngineError of kind device if it is not installed */
export function packageFolder(): string {
  try {
    return path.dirname(require.resolve('@tensorflow/tfjs-node-gpu/package.json'));
  } catch (error) {
    throw new EngineError(
      'The optional package @tensorflow/tfjs-node-gpu is not installed. Install packages again without --omit=optional: npm install',
      'device',
      { cause: error },
    );
  }
}

/** `require` as it is inside the package. */
export function packageRequire(): NodeJS.Require {
  return createRequire(path.join(packageFolder(), 'package.json'));
}

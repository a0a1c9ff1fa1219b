/** @file Both generators on whole images, and on tiles of the training patch, each by its own norm statistics, as a study that trains on patches may use them. */
import type { Bank, Engine, Program } from '../../engines/engine.js';
import type { TrialParameters } from '../../protocol.js';
import { translate } from '../step.js';

/** An image as networks take it: [height * width] in [-1, 1], sides multiples of `sideMultiple`. */
export interface NetworkImage {
  values: Float32Array;
  width: number;
  height: number;
}

export interface Translator {
  /** In one pass, norm statistics of the whole image. */
  whole(network: 'G' | 'F', image: NetworkImage): Promise<NetworkImage>;
  /** By tiles of the training patch, side by side, those at the right and lower border moved in. */
  tiles(network: 'G' | 'F', image: NetworkImage): Promise<NetworkImage>;
  dispose(): Promise<void>;
}

/** Pixels of the tiles that are translated at once: a quarter of a 1024 x 1024 image, so that they need no more memory than it. */
const TILED_AT_ONCE = 2 ** 18;

export function openTranslator(parameters: TrialParameters, engine: Engine, bank: Bank): Translator {
  const programs = new Map<string, Program>();
  const run = async (network: 'G' | 'F', values: Float32Array, height: number, width: number, batch = 1) => {
    const size = `${batch}x${height}x${width}`;
    let program = programs.get(size);
    if (program === undefined) {
      const spec = translate(parameters, 'G', height, width, { batch, held: bank.shapes });
      program = await engine.compile(spec, bank);
      programs.set(size, program);
    }
    // F has the shapes of G: the same program serves both.
    const renamed = network === 'F' ? (name: string) => name.replace(/^G\//, 'F/') : undefined;
    return (await program.run(bank, { image: values }, renamed)).gx!;
  };
  return {
    whole: async (network, { values, width, height }) => ({
      values: await run(network, values, height, width),
      width,
      height,
    }),
    async tiles(network, { values, width, height }) {
      const [w, h] = [Math.min(parameters.patch, width), Math.min(parameters.patch, height)];
      const corners = tileStarts(height, h).flatMap((top) =>
        tileStarts(width, w).map((left) => top * width + left),
      );
      // Batch norm would mix the statistics of tiles.
      const most = parameters.norm === 'batch' ? 1 : Math.max(1, Math.floor(TILED_AT_ONCE / (w * h)));
      const batch = Math.min(most, corners.length);
      const out = new Float32Array(values.length);
      const some = new Float32Array(batch * w * h);
      for (let first = 0; first < corners.length; first += batch) {
        // The last ones are made up to a whole batch with tiles that are done already.
        const from = Math.min(first, corners.length - batch);
        const chosen = corners.slice(from, from + batch);
        chosen.forEach((corner, n) => {
          for (let y = 0; y < h; y++) {
            const row = corner + y * width;
            some.set(values.subarray(row, row + w), (n * h + y) * w);
          }
        });
        const done = await run(network, some, h, w, batch);
        chosen.forEach((corner, n) => {
          for (let y = 0; y < h; y++) {
            const row = (n * h + y) * w;
            out.set(done.subarray(row, row + w), corner + y * width);
          }
        });
      }
      return { values: out, width, height };
    },
    async dispose() {
      for (const program of programs.values()) await program.dispose();
    },
  };
}

/** Where tiles begin along a side. */
export function tileStarts(whole: number, side: number): number[] {
  const count = Math.ceil(whole / side);
  return Array.from({ length: count }, (_, at) => Math.min(at * side, whole - side));
}

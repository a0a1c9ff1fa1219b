/**
 * @file Runs the readers of @itk-wasm/image-io in this process and keeps them open. The package's own functions start WebAssembly anew for
 * every file, which takes ten times as long as reading an image of 512 x 512.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { ZSTDDecoder } from '@thewtex/zstddec';

/** Readers of the package that are used: GDCM for compressed DICOM, libtiff, NIfTI, MetaImage. */
export type ItkReader = 'gdcm' | 'tiff' | 'nifti' | 'meta';

/** What a reader makes of a file; axes in the order in which values lie: the first varies fastest. */
export interface ItkImage {
  size: number[];
  /** Millimetres between values along each axis. */
  spacing: number[];
  origin: number[];
  /** [axes * axes], row-major: column n is the direction of axis n in space, to the left, to the back and to the head. */
  direction: Float64Array;
  /** Channels of a pixel. */
  components: number;
  values:
    | Uint8Array
    | Int8Array
    | Uint16Array
    | Int16Array
    | Uint32Array
    | Int32Array
    | Float32Array
    | Float64Array;
}

/** What of an Emscripten module is used here. */
interface Module {
  fs_writeFile(path: string, content: Uint8Array): void;
  fs_unlink(path: string): void;
  callMain(args: string[]): number;
  ccall(name: string, result: 'number' | null, types: 'number'[], values: number[]): number;
  UTF8ToString(address: number): string;
  stackSave(): number;
  stackRestore(stack: number): void;
  HEAPU8: Uint8Array;
}

/** Memory of a reader above which it is given up and started anew: WebAssembly never gives memory back. */
const KEPT_BYTES = 512 * 2 ** 20;

const open = new Map<ItkReader, Promise<Module>>();

/**
 * Reads a file's content. Values are as the library gives them: NIfTI and MetaImage rescaled.
 * @param name what the reader is to take the file for: some go by its ending
 * @param part `head`: without values
 * @throws Error if the content cannot be read
 */
export async function readByItk(
  reader: ItkReader,
  content: Uint8Array,
  name: string,
  part: 'head' | 'all' = 'all',
): Promise<ItkImage> {
  let module = open.get(reader);
  if (module === undefined) {
    module = start(reader);
    open.set(reader, module);
  }
  try {
    const opened = await module;
    const image = run(opened, content, `/${name}`, part);
    if (opened.HEAPU8.length > KEPT_BYTES) open.delete(reader);
    return image;
  } catch (error) {
    open.delete(reader); // after an exception its memory is in no known state
    throw error;
  }
}

function run(module: Module, content: Uint8Array, file: string, part: 'head' | 'all'): ItkImage {
  const stack = module.stackSave();
  module.fs_writeFile(file, content);
  try {
    // Outputs 0 and 1: whether the file could be read, and the image.
    const options = part === 'head' ? ['--information-only'] : [];
    if (module.callMain([file, '0', '1', '--memory-io', ...options]) !== 0) {
      throw new Error('the library cannot read it');
    }
    const output = (what: string, which: number) =>
      module.ccall(`itk_wasm_output_${what}`, 'number', ['number', 'number', 'number'], [0, 1, which]) >>> 0;
    const described = JSON.parse(module.UTF8ToString(output('json_address', 0))) as {
      imageType: { componentType: string; components: number };
      size: number[];
      spacing: number[];
      origin: number[];
    };
    const bytes = (which: number) => {
      const address = output('array_address', which);
      return module.HEAPU8.slice(address, address + output('array_size', which)).buffer;
    };
    const { imageType, size, spacing, origin } = described;
    const values = new (typeOf(imageType.componentType))(bytes(0));
    if (
      part === 'all' &&
      values.length !== imageType.components * size.reduce((product, side) => product * side, 1)
    ) {
      throw new Error('the library gives fewer values than the head promises');
    }
    return {
      size,
      spacing,
      origin,
      direction: new Float64Array(bytes(1)),
      components: imageType.components,
      values,
    };
  } finally {
    module.fs_unlink(file);
    module.ccall('itk_wasm_free_all', null, [], []);
    module.stackRestore(stack);
  }
}

function typeOf(component: string) {
  const types = {
    uint8: Uint8Array,
    int8: Int8Array,
    uint16: Uint16Array,
    int16: Int16Array,
    uint32: Uint32Array,
    int32: Int32Array,
    float32: Float32Array,
    float64: Float64Array,
  };
  const type = types[component as keyof typeof types] as (typeof types)[keyof typeof types] | undefined;
  if (type === undefined) throw new Error(`values of type ${component}`);
  return type;
}

async function start(reader: ItkReader): Promise<Module> {
  const entry = createRequire(import.meta.url).resolve('@itk-wasm/image-io');
  const base = path.join(path.dirname(entry), 'pipelines', `${reader}-read-image`);
  const zstd = new ZSTDDecoder();
  await zstd.init();
  const wasmBinary = zstd.decode(await readFile(`${base}.wasm.zst`));
  const { default: factory } = (await import(pathToFileURL(`${base}.js`).href)) as {
    default: (options: object) => Promise<Module>;
  };
  // The library's own words go nowhere: the caller names the file and the reason. The module would set these two itself.
  const silent = { get: () => () => undefined, set: () => undefined };
  return factory(Object.defineProperties({ wasmBinary }, { print: silent, printErr: silent }));
}

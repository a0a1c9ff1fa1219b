/** @file An image as the project holds it, and the errors that name the file and the reason. */

/** One grey image, row-major, as stored in the file: values of `bits` bits. */
export interface GreyImage {
  width: number;
  height: number;
  bits: 8 | 16;
  /** [height * width], stored values. */
  data: Uint8Array | Uint16Array;
}

/** An image folder or file that cannot be used. The message names it, the reason and what to do; exit code 65 in a trial, 2 in a command. */
export class DataError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DataError';
  }
}

/** @file Reads a growing file by whole lines. */
import fs from 'node:fs';
import { systemCode } from '../errors.js';

/**
 * Follows a file that others append to. Each `read` returns the lines that have become whole since the last;
 * a line without its newline is awaited, or is what a crash left: it is never returned.
 */
export class LineReader {
  constructor(
    private readonly file: string,
    /** Bytes that have been read as whole lines. */
    public offset = 0,
  ) {}

  read(): string[] {
    let descriptor: number;
    try {
      descriptor = fs.openSync(this.file, 'r');
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return []; // not written yet
      throw error;
    }
    try {
      const { size } = fs.fstatSync(descriptor);
      if (size <= this.offset) return [];
      const bytes = Buffer.alloc(size - this.offset);
      const length = fs.readSync(descriptor, bytes, 0, bytes.length, this.offset);
      const end = bytes.lastIndexOf(0x0a, length - 1);
      if (end === -1) return [];
      this.offset += end + 1;
      return bytes
        .toString('utf8', 0, end)
        .split('\n')
        .filter((line) => line !== '');
    } finally {
      fs.closeSync(descriptor);
    }
  }
}

/** @file An error made for its reader: the command line prints its message alone and leaves with its code. */

export class UserError extends Error {
  constructor(
    message: string,
    /** Exit code of the command: 1 not all could be done, 2 the input is wrong, 4 the store is damaged (DESIGN section 8). */
    readonly exitCode: 1 | 2 | 4 = 2,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'UserError';
  }
}

/** The system's code of a failed call, such as `ENOENT`, or undefined. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** @file Whether text for a stream may be coloured: https://no-color.org. */
export function inColour(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
}

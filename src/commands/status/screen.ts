/** @file A terminal's other screen: drawn anew when what it shows or its size changes, left by q or Ctrl-C, and then as it was before. */

export interface Size {
  width: number;
  height: number;
}

export interface Screen {
  draw(): void;
  /** Resolved when the user leaves, or the process is told to end. */
  left: Promise<void>;
}

const CSI = '\x1b[';
/** The other screen, without a cursor; and back. */
const ENTER = `${CSI}?1049h${CSI}?25l`;
const LEAVE = `${CSI}?25h${CSI}?1049l`;
const CTRL_C = '\x03';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** @param lines what to show in a terminal of a size; what does not fit is not drawn */
export function openScreen(
  input: NodeJS.ReadStream,
  output: NodeJS.WriteStream,
  lines: (size: Size) => string[],
): Screen {
  let shown = '';
  const draw = () => {
    const size = { width: output.columns || 80, height: output.rows || 24 };
    const text = lines(size)
      .slice(0, size.height)
      .map((line) => `${line}${CSI}K`)
      .join('\r\n');
    if (text !== shown) output.write(`${CSI}H${text}${CSI}J`);
    shown = text;
  };
  const drawAll = () => {
    shown = '';
    draw();
  };
  const left = new Promise<void>((resolve) => {
    const leave = () => {
      output.off('resize', drawAll);
      input.off('data', onKey).pause();
      SIGNALS.forEach((signal) => process.off(signal, leave));
      if (input.isTTY) input.setRawMode(false);
      output.write(LEAVE);
      resolve();
    };
    const onKey = (keys: Buffer) => {
      if (/[qQ]/.test(keys.toString()) || keys.toString().includes(CTRL_C)) leave();
    };
    output.on('resize', drawAll);
    SIGNALS.forEach((signal) => process.on(signal, leave));
    if (input.isTTY) {
      input.setRawMode(true);
      input.on('data', onKey).resume();
    }
  });
  // Whoever sees it may leave it: only now.
  output.write(ENTER);
  draw();
  return { draw, left };
}

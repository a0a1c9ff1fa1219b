/** @file What a trace writes into: nodes and constants of one ONNX graph, each made once. */
import { createHash } from 'node:crypto';
import type { Attribute, Graph, GraphElement, GraphNode, GraphValue, Initializer } from './proto.js';

/** What the graph will run on. Whatever a kernel writes differently for a device hangs on this, and on nothing else. */
export interface Target {
  device: 'cpu' | 'webgpu' | 'cuda';
}

export interface Recorder {
  readonly target: Target;
  /** Adds a node with one output, or finds the same node made before. */
  op(
    type: string,
    inputs: readonly string[],
    attributes?: Record<string, Attribute>,
    domain?: string,
  ): string;
  /** A list of integers: shapes, axes, bounds. */
  integers(values: readonly number[]): string;
  scalar(value: number, element: GraphElement): string;
  constant(values: Float32Array | Int32Array | Uint8Array, dims: readonly number[]): string;
  /**
   * The graph that computes `outputs` and nothing else. A result is named by the node that makes it where possible,
   * so that nothing is copied at the end.
   * @param outputs by the name that each shall have: what holds it now, and its stored shape
   */
  finish(
    inputs: readonly GraphValue[],
    outputs: ReadonlyMap<string, { from: string; dims: readonly number[] }>,
  ): Graph;
}

export function createRecorder(target: Target): Recorder {
  const nodes: GraphNode[] = [];
  const initializers: Initializer[] = [];
  const known = new Map<string, string>();
  let count = 0;
  const fresh = (): string => `#${count++}`;

  /** Identical nodes and constants are made once (common subexpressions). */
  const once = (key: string, make: (name: string) => void): string => {
    let name = known.get(key);
    if (name === undefined) {
      name = fresh();
      known.set(key, name);
      make(name);
    }
    return name;
  };
  const initializer = (
    key: string,
    element: GraphElement,
    dims: readonly number[],
    data: ArrayBufferView,
  ): string =>
    once(key, (name) => {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
      initializers.push({ name, element, dims, bytes });
    });

  return {
    target,
    op: (type, inputs, attributes = {}, domain = '') =>
      once(JSON.stringify([type, inputs, attributes]), (name) => {
        nodes.push({ op: type, domain, inputs, outputs: [name], attributes });
      }),
    integers: (values) =>
      initializer(`integers ${values.join()}`, 'int64', [values.length], BigInt64Array.from(values, BigInt)),
    scalar: (value, element) => initializer(`${element} ${value}`, element, [], oneElement(value, element)),
    constant: (values, dims) => {
      const element =
        values instanceof Float32Array ? 'float32' : values instanceof Int32Array ? 'int32' : 'bool';
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      const content = createHash('sha256').update(bytes).digest('base64');
      return initializer(`${element} ${dims.join()} ${content}`, element, dims, values);
    },
    finish: (inputs, outputs) => {
      const named = nameResults(nodes, outputs);
      const { alive, needed } = withoutDeadCode(named, [...outputs.keys()]);
      return {
        nodes: alive,
        initializers: initializers.filter(({ name }) => needed.has(name)),
        inputs,
        outputs: [...outputs].map(([name, { dims }]) => ({ name, element: 'float32', dims })),
      };
    },
  };
}

function oneElement(value: number, element: GraphElement): ArrayBufferView {
  if (element === 'float32') return Float32Array.of(value);
  if (element === 'int32') return Int32Array.of(value);
  if (element === 'bool') return Uint8Array.of(value);
  return BigInt64Array.of(BigInt(value));
}

/** Renames what a node makes to the result's name; a result that is an input, a constant or a second name of another is copied. */
function nameResults(
  nodes: readonly GraphNode[],
  outputs: ReadonlyMap<string, { from: string }>,
): GraphNode[] {
  const made = new Set(nodes.flatMap((node) => node.outputs));
  const renamed = new Map<string, string>();
  const copies: GraphNode[] = [];
  for (const [name, { from }] of outputs) {
    if (made.has(from) && !renamed.has(from)) renamed.set(from, name);
    else copies.push({ op: 'Identity', domain: '', inputs: [from], outputs: [name], attributes: {} });
  }
  const rename = (name: string): string => renamed.get(name) ?? name;
  return [...nodes, ...copies].map((node) => ({
    ...node,
    inputs: node.inputs.map(rename),
    outputs: node.outputs.map(rename),
  }));
}

function withoutDeadCode(
  nodes: readonly GraphNode[],
  results: readonly string[],
): { alive: GraphNode[]; needed: Set<string> } {
  const needed = new Set(results);
  const alive: GraphNode[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    for (const name of node.inputs) needed.add(name);
    alive.push(node);
  }
  return { alive: alive.reverse(), needed };
}

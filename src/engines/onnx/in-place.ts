/** @file Which results may be written over the tensor that they replace, while the graph still runs. */
import type { Graph, GraphNode } from './proto.js';

/** Ops whose output element depends on the same element of an operand of the same shape, which so may be overwritten. */
const ELEMENTWISE = new Set(['Add', 'Sub', 'Mul', 'Div']);

/**
 * Safe where every node that reads the old value has run before the node that makes the new one starts, or is that node
 * and works element by element. Adam's moments are so; weights are not, since the backward pass reads them too.
 * @param pairs names of inputs with the names of the outputs that replace them
 * @returns the inputs that may be overwritten
 */
export function writableInPlace(graph: Graph, pairs: ReadonlyMap<string, string>): Set<string> {
  const makers = new Map<string, number>();
  const readers = new Map<string, number[]>();
  graph.nodes.forEach((node, index) => {
    for (const name of node.outputs) makers.set(name, index);
    for (const name of node.inputs) readers.set(name, [...(readers.get(name) ?? []), index]);
  });
  const safe = new Set<string>();
  for (const [input, output] of pairs) {
    const maker = makers.get(output);
    const node = maker === undefined ? undefined : graph.nodes[maker];
    if (maker === undefined || !node) continue;
    const others = (readers.get(input) ?? []).filter((reader) => reader !== maker);
    if (node.inputs.includes(input) && !ELEMENTWISE.has(node.op)) continue;
    if (runBefore(graph.nodes, makers, maker, new Set(others))) safe.add(input);
  }
  return safe;
}

/** Whether the node at `maker` depends on all of `wanted`. Nodes stand after what they read. */
function runBefore(
  nodes: readonly GraphNode[],
  makers: ReadonlyMap<string, number>,
  maker: number,
  wanted: Set<number>,
): boolean {
  const earliest = Math.min(...wanted);
  const seen = new Set([maker]);
  const queue = [maker];
  while (wanted.size > 0) {
    const next = queue.pop();
    if (next === undefined) return false;
    for (const name of nodes[next]?.inputs ?? []) {
      const index = makers.get(name);
      if (index === undefined || index < earliest || seen.has(index)) continue;
      seen.add(index);
      wanted.delete(index);
      queue.push(index);
    }
  }
  return true;
}

/** @file Finds the node for which onnxruntime refuses a graph, where its message does not name it. */
import type { Graph, GraphNode } from './proto.js';

/**
 * The first node that is to blame: the graph up to it is refused, the graph before it is not. Compiles some ten graphs, so it
 * is for the moment of failure only.
 * @param accepted whether a graph is accepted; the whole one is not
 */
export async function firstRefused(
  graph: Graph,
  accepted: (part: Graph) => Promise<boolean>,
): Promise<{ node: GraphNode; index: number } | undefined> {
  let [fine, refused] = [0, graph.nodes.length];
  while (refused - fine > 1) {
    const middle = (fine + refused) >> 1;
    if (await accepted(upTo(graph, middle))) fine = middle;
    else refused = middle;
  }
  const node = graph.nodes[refused - 1];
  return node && { node, index: refused - 1 };
}

/** The first nodes of a graph, with whatever they leave unread as outputs. Nodes stand after what they read. */
function upTo(graph: Graph, count: number): Graph {
  const nodes = graph.nodes.slice(0, count);
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  const left = nodes.flatMap(({ outputs }) => outputs).filter((name) => !read.has(name));
  return {
    nodes,
    initializers: graph.initializers.filter(({ name }) => read.has(name)),
    inputs: graph.inputs.filter(({ name }) => read.has(name)),
    outputs: left.map((name) => ({ name })),
  };
}

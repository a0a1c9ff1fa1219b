/**
 * @file Writes an ONNX model file: the few protobuf messages of onnx.proto that a traced graph needs.
 * Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
import { bytesField, floatField, message, textField, varintField } from '../../protobuf.js';

export type Attribute = { int: number } | { float: number } | { ints: readonly number[] } | { text: string };

export interface GraphNode {
  op: string;
  /** Empty: the ONNX standard operators. */
  domain: string;
  inputs: readonly string[];
  outputs: readonly string[];
  attributes: Readonly<Record<string, Attribute>>;
}

/** Codes of TensorProto.DataType. */
export const ELEMENT_CODES = { float32: 1, int32: 6, int64: 7, bool: 9 } as const;
export type GraphElement = keyof typeof ELEMENT_CODES;

export interface Initializer {
  name: string;
  element: GraphElement;
  dims: readonly number[];
  /** Little endian. */
  bytes: Uint8Array;
}

export interface GraphValue {
  name: string;
  element: GraphElement;
  /** `any`: of any rank and shape. A side that is a name may be of any length. */
  dims: readonly (number | string)[] | 'any';
}

/** An output whose element and shape follow from the nodes. */
export interface InferredValue {
  name: string;
}

export interface Graph {
  nodes: readonly GraphNode[];
  initializers: readonly Initializer[];
  inputs: readonly GraphValue[];
  outputs: readonly (GraphValue | InferredValue)[];
}

const IR_VERSION = 8;
const OPSET = { domain: '', version: 17 };
/** onnxruntime's own operators; named in a file only where one is used, so that others can read it. */
const OPSET_OF_ONNXRUNTIME = { domain: 'com.microsoft', version: 1 };

/** The bytes of a ModelProto. */
export function encodeModel(graph: Graph): Uint8Array {
  const { domain } = OPSET_OF_ONNXRUNTIME;
  const opsets = graph.nodes.some((node) => node.domain === domain) ? [OPSET, OPSET_OF_ONNXRUNTIME] : [OPSET];
  return message([
    varintField(1, IR_VERSION),
    bytesField(7, graphProto(graph)),
    ...opsets.map(({ domain, version }) =>
      bytesField(8, message([textField(1, domain), varintField(2, version)])),
    ),
  ]);
}

function graphProto({ nodes, initializers, inputs, outputs }: Graph): Uint8Array {
  return message([
    ...nodes.map((node) => bytesField(1, nodeProto(node))),
    textField(2, 'program'),
    ...initializers.map((initializer) => bytesField(5, tensorProto(initializer))),
    ...inputs.map((value) => bytesField(11, valueInfoProto(value))),
    ...outputs.map((value) => bytesField(12, valueInfoProto(value))),
  ]);
}

function nodeProto({ op, domain, inputs, outputs, attributes }: GraphNode): Uint8Array {
  return message([
    ...inputs.map((name) => textField(1, name)),
    ...outputs.map((name) => textField(2, name)),
    textField(4, op),
    ...Object.entries(attributes).map(([name, value]) => bytesField(5, attributeProto(name, value))),
    textField(7, domain),
  ]);
}

function attributeProto(name: string, value: Attribute): Uint8Array {
  const named = textField(1, name);
  if ('float' in value) return message([named, floatField(2, value.float), varintField(20, 1)]);
  if ('int' in value) return message([named, varintField(3, value.int), varintField(20, 2)]);
  if ('text' in value) return message([named, textField(4, value.text), varintField(20, 3)]);
  return message([named, ...value.ints.map((each) => varintField(8, each)), varintField(20, 7)]);
}

function tensorProto({ name, element, dims, bytes }: Initializer): Uint8Array {
  return message([
    ...dims.map((side) => varintField(1, side)),
    varintField(2, ELEMENT_CODES[element]),
    textField(8, name),
    bytesField(9, bytes),
  ]);
}

function valueInfoProto(value: GraphValue | InferredValue): Uint8Array {
  if (!('dims' in value)) return message([textField(1, value.name)]);
  const { name, element, dims } = value;
  const type = [varintField(1, ELEMENT_CODES[element])];
  if (dims !== 'any') {
    type.push(bytesField(2, message(dims.map((side) => bytesField(1, message([dimension(side)]))))));
  }
  const tensor = message(type);
  return message([textField(1, name), bytesField(2, message([bytesField(1, tensor)]))]);
}

const dimension = (side: number | string): Uint8Array =>
  typeof side === 'string' ? textField(2, side) : varintField(1, side);

/**
 * @file The messages of TensorBoard's event files that an export needs. Field numbers: event.proto, summary.proto and tensor.proto of
 * https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto, and api.proto and plugin_data.proto of
 * https://github.com/tensorflow/tensorboard/tree/master/tensorboard/plugins/hparams
 */
import { bytesField, doubleField, floatField, message, textField, varintField } from '../protobuf.js';
import type { ParameterValue } from '../protocol.js';

/** First in every file. @param wall Unix seconds, here and below */
export function versionEvent(wall: number): Uint8Array {
  return message([doubleField(1, wall), textField(3, 'brain.Event:2')]);
}

/** What was written with this step or a later one is superseded: a trial went on from its checkpoint. */
export function restartEvent(wall: number, step: number): Uint8Array {
  return message([doubleField(1, wall), varintField(2, step), bytesField(7, varintField(1, 1))]);
}

function summaryEvent(wall: number, step: number, value: Uint8Array[]): Uint8Array {
  const summary = bytesField(1, message(value));
  return message([doubleField(1, wall), varintField(2, step), bytesField(5, summary)]);
}

export function scalarEvent(wall: number, step: number, tag: string, value: number): Uint8Array {
  return summaryEvent(wall, step, [textField(1, tag), floatField(2, value)]);
}

/** @param png a grey PNG file */
export function imageEvent(wall: number, step: number, tag: string, png: Uint8Array): Uint8Array {
  const header = Buffer.from(png.buffer, png.byteOffset, png.byteLength);
  const [width, height] = [header.readUInt32BE(16), header.readUInt32BE(20)]; // of its IHDR chunk
  const image = [varintField(1, height), varintField(2, width), varintField(3, 1), bytesField(4, png)];
  return summaryEvent(wall, step, [textField(1, tag), bytesField(4, message(image))]);
}

export interface Hyperparameter {
  name: string;
  /** All values that trials have. */
  values: readonly ParameterValue[];
}

/** A column of the hyper-parameters tab: the last value of a scalar. */
export interface ShownMetric {
  tag: string;
  label: string;
}

/** What the hyper-parameters tab shows: for the run of the whole folder. */
export function experimentEvent(
  wall: number,
  description: string,
  hyperparameters: readonly Hyperparameter[],
  metrics: readonly ShownMetric[],
): Uint8Array {
  const experiment = [
    textField(1, description),
    doubleField(3, wall),
    ...hyperparameters.map((one) => bytesField(4, hyperparameterInfo(one))),
    ...metrics.map(({ tag, label }) =>
      bytesField(5, message([bytesField(1, textField(2, tag)), textField(3, label)])),
    ),
  ];
  return hparamsEvent(wall, '_hparams_/experiment', bytesField(2, message(experiment)));
}

const DATA_TYPES: Record<string, number> = { string: 1, boolean: 2, number: 3 };

function hyperparameterInfo({ name, values }: Hyperparameter): Uint8Array {
  const types = new Set(values.map((value) => typeof value));
  const type = types.size === 1 ? DATA_TYPES[[...types][0]!]! : 0;
  const domain = message(values.map((value) => bytesField(1, valueOf(value))));
  const differs = varintField(7, values.length > 1 ? 1 : 0);
  return message([textField(1, name), varintField(4, type), bytesField(5, domain), differs]);
}

/** google.protobuf.Value */
function valueOf(value: ParameterValue): Uint8Array {
  if (typeof value === 'number') return doubleField(2, value);
  if (typeof value === 'string') return textField(3, value);
  return varintField(4, value ? 1 : 0);
}

/** A trial's hyper-parameters, for its run. */
export function sessionStartEvent(
  wall: number,
  hyperparameters: Readonly<Record<string, ParameterValue>>,
): Uint8Array {
  const entries = Object.entries(hyperparameters).map(([name, value]) =>
    bytesField(1, message([textField(1, name), bytesField(2, valueOf(value))])),
  );
  const session = message([...entries, doubleField(5, wall)]);
  return hparamsEvent(wall, '_hparams_/session_start_info', bytesField(3, session));
}

export function sessionEndEvent(wall: number, status: 'success' | 'failure' | 'unknown'): Uint8Array {
  const code = { unknown: 0, success: 1, failure: 2 }[status];
  const session = message([varintField(1, code), doubleField(2, wall)]);
  return hparamsEvent(wall, '_hparams_/session_end_info', bytesField(4, session));
}

/** The hyper-parameters tab reads what it needs from a summary's metadata; its tensor is a single 0. */
function hparamsEvent(wall: number, tag: string, data: Uint8Array): Uint8Array {
  const plugin = bytesField(1, message([textField(1, 'hparams'), bytesField(2, data)]));
  const shape = bytesField(2, bytesField(2, varintField(1, 1)));
  const tensor = message([varintField(1, 1), shape, floatField(5, 0)]);
  return summaryEvent(wall, 0, [textField(1, tag), bytesField(9, plugin), bytesField(8, tensor)]);
}

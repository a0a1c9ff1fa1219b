/** @file TensorFlow itself, eagerly, through its own Node binding. */
import { EngineError, type Engine } from '../engine.js';

export function openTensorflowEngine({ device }: { threads: number; device: string }): Promise<Engine> {
  return Promise.reject(new EngineError(`tensorflow on ${device}: not yet`, 'device'));
}

/** @file Switching tfjs' one global backend for the length of one synchronous call. */
import * as tf from '@tensorflow/tfjs';

// tfjs greets every user of its cpu backend under Node with an advertisement; production mode silences that and nothing else.
tf.enableProdMode();

/**
 * Runs `body` with the named tfjs backend active, then puts back the one before.
 * All backends used here start synchronously, so the switch is done when `setBackend` returns its promise.
 */
export function withBackend<T>(name: string, body: () => T): T {
  const before = tf.getBackend();
  activate(name);
  try {
    return body();
  } finally {
    if (before) activate(before);
  }
}

function activate(name: string): void {
  if (tf.getBackend() === name) return;
  void tf.setBackend(name);
  if (tf.getBackend() !== name) throw new Error(`tfjs backend ${name} did not start`);
}

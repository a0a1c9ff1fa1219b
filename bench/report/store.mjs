/** @file Makes a results folder of finished trials with noisy curves, straight into the database: no trial runs. */
import { openStore } from '../../dist/store/open.js';
import { randomFrom } from '../../scripts/chaos/numbers.mjs';

export const METRICS = ['loss/D', 'loss/G', 'loss/G_adv', 'loss/cycle', 'd/acc_real', 'grad/G'];
const PATCHES = [64, 128, 192, 256];
const BATCHES = [1, 2, 4, 8, 16];

/** Trials over patch, batch and seed, each with `steps` records of each metric. */
export function makeStore(folder, { trials, steps }) {
  const store = openStore(folder);
  const db = store.db.$client;
  const sweep = {
    name: 'bench',
    question: 'How fast is a report?',
    source: 'name: bench\n',
    varied: JSON.stringify(['patch', 'batch']),
    updated: 1.76e9,
  };
  db.transaction(() => {
    insert(db, 'sweeps', { id: 1, ...sweep });
    METRICS.forEach((name, at) => insert(db, 'metric_names', { id: at + 1, name }));
    for (let trial = 1; trial <= trials; trial++) makeTrial(db, trial, steps);
  })();
  store.close();
}

function makeTrial(db, trial, steps) {
  const patch = PATCHES[trial % PATCHES.length];
  const batch = BATCHES[Math.floor(trial / PATCHES.length) % BATCHES.length];
  const seed = Math.floor((trial - 1) / (PATCHES.length * BATCHES.length)) + 1;
  const parameters = { patch, batch, lambda: 10, gamma: 5, gan_loss: 'least-squares' };
  const started = 1.76e9 - steps;
  insert(db, 'trials', {
    id: trial,
    key: trial.toString(16).padStart(32, '0'),
    parameters: JSON.stringify(parameters),
    seed,
    budget: JSON.stringify({ updates: steps }),
    data_fingerprint: 'bench',
    status: 'done',
    step: steps,
    updates: steps,
  });
  insert(db, 'sweep_trials', { sweep: 1, trial, position: trial });
  insert(db, 'attempts', {
    trial,
    attempt: 1,
    started,
    ended: started + steps,
    outcome: 'done',
    engine: 'onnx',
  });
  const row = db.prepare(
    'INSERT INTO metrics (trial, attempt, name, step, wall, pixels, value) VALUES (?, 1, ?, ?, ?, ?, ?)',
  );
  const random = randomFrom(trial);
  METRICS.forEach((_, metric) => {
    for (let step = 1; step <= steps; step++) {
      const value = curve(metric, step / steps, random);
      row.run(trial, metric + 1, step, started + step, step * patch * patch * batch, value);
    }
  });
}

/** A noisy decay that differs by metric. */
export function curve(metric, progress, random) {
  return (0.2 + Math.exp(-6 * progress)) * (metric + 1) * (0.8 + 0.4 * random());
}

function insert(db, table, values) {
  const names = Object.keys(values);
  const marks = names.map((name) => `@${name}`).join(', ');
  db.prepare(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${marks})`).run(values);
}

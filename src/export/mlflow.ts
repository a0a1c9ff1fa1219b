/**
 * @file A sweep as a store of MLflow: an experiment, a run for each trial, and sample images as artifacts.
 *
 * MLflow brings a database with an older schema up to its own when it opens it and finds tables missing. So this one has the oldest schema
 * that can hold every value, of 2019 (MLflow 1.1), which later versions know how to go on from; what they add is empty.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { makeFolder } from '../files.js';
import type { Store } from '../store/open.js';
import {
  readExams,
  readSamples,
  readSystemSamples,
  streamPoints,
  type StoredSweep,
  type StoredTrial,
} from '../store/stream.js';
import { pictureFile, pictureName } from './images.js';
import { runNames, scoresByImage } from './runs.js';
import { timesOf } from './tables.js';

type Reader = Pick<Store, 'db' | 'results'>;

/** The revision of MLflow's migrations that the tables below are of. Among the states of a run are those that it added later. */
const SCHEMA = `
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
INSERT INTO alembic_version VALUES ('181f10493468');
CREATE TABLE experiments (
  experiment_id INTEGER NOT NULL,
  name VARCHAR(256) NOT NULL,
  artifact_location VARCHAR(256),
  lifecycle_stage VARCHAR(32),
  CONSTRAINT experiment_pk PRIMARY KEY (experiment_id),
  CONSTRAINT experiments_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')),
  UNIQUE (name)
);
CREATE TABLE runs (
  run_uuid VARCHAR(32) NOT NULL,
  name VARCHAR(250),
  source_type VARCHAR(20),
  source_name VARCHAR(500),
  entry_point_name VARCHAR(50),
  user_id VARCHAR(256),
  status VARCHAR(20),
  start_time BIGINT,
  end_time BIGINT,
  source_version VARCHAR(50),
  lifecycle_stage VARCHAR(20),
  artifact_uri VARCHAR(200),
  experiment_id INTEGER,
  CONSTRAINT run_pk PRIMARY KEY (run_uuid),
  CONSTRAINT source_type CHECK (source_type IN ('NOTEBOOK', 'JOB', 'LOCAL', 'UNKNOWN', 'PROJECT')),
  CONSTRAINT status CHECK (status IN ('SCHEDULED', 'FAILED', 'FINISHED', 'RUNNING', 'KILLED')),
  CONSTRAINT runs_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')),
  FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id)
);
CREATE TABLE tags (
  "key" VARCHAR(250) NOT NULL,
  value VARCHAR(250),
  run_uuid VARCHAR(32) NOT NULL,
  CONSTRAINT tag_pk PRIMARY KEY ("key", run_uuid),
  FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
CREATE TABLE params (
  "key" VARCHAR(250) NOT NULL,
  value VARCHAR(250) NOT NULL,
  run_uuid VARCHAR(32) NOT NULL,
  CONSTRAINT param_pk PRIMARY KEY ("key", run_uuid),
  FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
CREATE TABLE metrics (
  "key" VARCHAR(250) NOT NULL,
  value FLOAT NOT NULL,
  timestamp BIGINT NOT NULL,
  run_uuid VARCHAR(32) NOT NULL,
  step BIGINT DEFAULT '0' NOT NULL,
  is_nan BOOLEAN DEFAULT '0' NOT NULL,
  CONSTRAINT metric_pk PRIMARY KEY ("key", timestamp, step, run_uuid, value, is_nan),
  FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);`;

const STATUS: Record<StoredTrial['status'], string> = {
  pending: 'SCHEDULED',
  running: 'RUNNING',
  done: 'FINISHED',
  'early-stopped': 'FINISHED',
  failed: 'FAILED',
  stopped: 'KILLED',
};

/** The experiment's number, and where a server of MLflow that is started in the folder looks for artifacts. */
const EXPERIMENT = 1;
const ARTIFACTS = 'mlartifacts';

/**
 * Writes `mlflow.db` and `mlartifacts/` into a folder.
 * @throws the system's error if they cannot be written
 */
export function writeMlflow(folder: string, store: Reader, sweep: StoredSweep): void {
  const db = new Database(path.join(folder, 'mlflow.db'));
  try {
    db.pragma('journal_mode = OFF'); // it is written whole or thrown away
    db.pragma('synchronous = OFF');
    db.exec(SCHEMA);
    db.exec('BEGIN');
    db.prepare('INSERT INTO experiments VALUES (?, ?, ?, ?)').run(EXPERIMENT, sweep.name, uri(), 'active');
    const names = runNames(sweep);
    for (const trial of sweep.trials) writeRun({ db, folder, store }, sweep, trial, names.get(trial)!);
    db.exec('COMMIT');
  } finally {
    db.close();
  }
}

/** Artifacts are asked of the server, wherever the folder is: no path of this machine is written down. */
function uri(...parts: string[]): string {
  return ['mlflow-artifacts:', EXPERIMENT, ...parts].join('/');
}

interface Place {
  db: Database.Database;
  folder: string;
  store: Reader;
}

function writeRun({ db, folder, store }: Place, sweep: StoredSweep, trial: StoredTrial, name: string): void {
  const { key, status, reason, parameters, seed, budget } = trial;
  const run = createHash('sha256').update(`${sweep.name} ${key}`).digest('hex').slice(0, 32);
  const { started, ended } = timesOf(trial);
  db.prepare('INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)').run(
    run,
    name,
    'LOCAL',
    'cyclesweep',
    '',
    '',
    STATUS[status],
    milliseconds(started ?? sweep.updated),
    ended === null ? null : milliseconds(ended),
    '',
    'active',
    uri(run, 'artifacts'),
    EXPERIMENT,
  );

  const last = trial.attempts.at(-1);
  const tags = {
    'mlflow.runName': name,
    trial: key,
    status,
    reason,
    engine: last?.engine,
    device: last?.device,
    question: sweep.question,
    data: trial.dataFingerprint,
  };
  const putTag = db.prepare('INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)');
  for (const [tag, value] of Object.entries(tags)) if (value) putTag.run(tag, value, run);
  const putParameter = db.prepare('INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)');
  const own = {
    ...parameters,
    seed,
    ...Object.fromEntries(Object.entries(budget).map(([unit, n]) => [`budget_${unit}`, n])),
  };
  for (const [parameter, value] of Object.entries(own))
    putParameter.run(allowed(parameter), String(value), run);

  const putMetric = db.prepare(
    'INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const put = (metric: string, wall: number, step: number, value: number | null) =>
    putMetric.run(allowed(metric), value ?? 0, milliseconds(wall), run, step, value === null ? 1 : 0);
  let end = started ?? 0;
  for (const { metric, wall, step, value } of streamPoints(store, trial)) {
    end = Math.max(end, wall);
    put(metric, wall, step, value);
  }
  const exams = readExams(store, trial.id);
  for (const { step, split, values } of exams)
    for (const [metric, value] of Object.entries(values))
      put(split === 'test' ? metric : `${split}/${metric}`, end, step, value);
  for (const { tag, index, value } of scoresByImage(exams)) put(tag, end, index, value);
  for (const [at, sample] of readSystemSamples(store, trial.id).entries()) {
    const { cpu, memory, gpu, gpuMemory, power, temperature } = sample;
    const system = { cpu, memory, gpu, gpu_memory: gpuMemory, power, temperature };
    for (const [metric, value] of Object.entries(system))
      if (value !== null) put(`system/${metric}`, sample.wall, at, value);
  }

  for (const sample of readSamples(store, trial.id)) {
    const source = pictureFile(store.results, key, sample);
    if (source === undefined) continue;
    const to = path.join(folder, ARTIFACTS, String(EXPERIMENT), run, 'artifacts', 'samples');
    makeFolder(to);
    fs.copyFileSync(source, path.join(to, pictureName(sample)));
  }
}

function milliseconds(seconds: number): number {
  return Math.round(seconds * 1000);
}

/** MLflow's names of metrics and parameters hold letters, digits and these signs. */
function allowed(name: string): string {
  return name.replace(/[^\p{L}\p{N}_\-. :/]/gu, '_');
}

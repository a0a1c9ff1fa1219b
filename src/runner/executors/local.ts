/** @file Runs trials as child processes of this machine. The one place that spawns trials. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { ENVIRONMENT, EXIT } from '../../protocol.js';
import { oomKills } from '../oom.js';
import { groupGone, identify, killDescendants, signalGroup } from '../processes.js';
import type { Executor, Exit, Job, RunningTrial } from './executor.js';
import { guard, release } from './watchdog.js';

const TRAINER = fileURLToPath(new URL('../../train/main.js', import.meta.url));

export const localExecutor: Executor = { start };

function start(job: Job): RunningTrial {
  fs.mkdirSync(path.dirname(job.outputFile), { recursive: true });
  const killsBefore = oomKills();
  // execa passes any descriptor on, its types know only the standard ones.
  const output = fs.openSync(job.outputFile, 'a') as 1;
  // A process group of its own: Ctrl-C reaches the runner alone, and a kill reaches all that the trial started.
  const ours = [process.execPath, TRAINER, path.join(job.trialDirectory, 'config.json')];
  const [program = '', ...args] = job.command ?? ours;
  guard(job.eventsFile);
  const child = execa(program, args, {
    cwd: job.workingDirectory ?? job.trialDirectory,
    env: {
      ...job.environment,
      [ENVIRONMENT.trialDirectory]: job.trialDirectory,
      [ENVIRONMENT.events]: job.eventsFile,
      [ENVIRONMENT.resume]: job.resume,
      [ENVIRONMENT.attempt]: String(job.attempt),
      [ENVIRONMENT.device]: job.device,
      [ENVIRONMENT.threads]: String(job.threads),
      [ENVIRONMENT.lifeline]: 'stdin',
      [ENVIRONMENT.memoryLimit]: job.memoryLimit === undefined ? undefined : String(job.memoryLimit),
    },
    stdin: 'pipe',
    stdout: output,
    stderr: output,
    detached: true,
    buffer: false,
    reject: false,
    forceKillAfterDelay: false, // the grace is ours to measure: five seconds are none for a step that takes longer
    cleanup: false, // the lifeline ends the child when the runner dies, whatever kills it
  });
  fs.closeSync(output);
  child.stdin?.on('error', () => undefined); // the child may close its end first

  const identity = child.pid === undefined ? undefined : identify(child.pid);
  if (identity === undefined) release(job.eventsFile);
  else guard(job.eventsFile, identity);

  let deadline: NodeJS.Timeout | undefined;
  let graceEnds = 0;
  let asked = false;
  const kill = () => {
    asked = true;
    signalGroup(child.pid, 'SIGKILL');
  };
  const exited = child.then(async (result): Promise<Exit> => {
    if (child.pid === undefined) {
      fs.appendFileSync(
        job.outputFile,
        `${program} could not be started: ${result.originalMessage ?? 'unknown'}\n`,
      );
      return { exitCode: EXIT.configurationWrong, signal: null };
    }
    // A shell dies of SIGTERM and leaves its command behind, which may save in the time that is left.
    const left = graceEnds - performance.now();
    if (left > 0 && result.signal !== undefined) {
      signalGroup(child.pid, 'SIGTERM');
      await groupGone(child.pid, left);
    }
    clearTimeout(deadline);
    signalGroup(child.pid, 'SIGKILL');
    await killDescendants(job.eventsFile);
    release(job.eventsFile);
    const kills = oomKills();
    const oomKilled = kills !== undefined && killsBefore !== undefined && kills > killsBefore;
    return { exitCode: result.exitCode ?? null, signal: result.signal ?? null, oomKilled, asked };
  });
  return {
    process: identity,
    exited,
    kill,
    stop(grace) {
      asked = true;
      child.kill('SIGTERM');
      graceEnds = performance.now() + grace;
      clearTimeout(deadline);
      deadline = setTimeout(kill, grace);
    },
  };
}

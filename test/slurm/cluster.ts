/**
 * @file A throw-away Slurm cluster on this machine: munged, a controller and virtual nodes with GPUs that are none, on the loopback
 * interface, on free ports and in a temporary folder, as root or as anybody. Nothing of the machine's own Slurm is read or changed.
 *
 * The daemons run in the foreground as children of this process. What they start themselves is found by SLURM_CONF in its environment.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe } from 'vitest';
import { hasVariable, listProcesses, processFields } from '../../src/runner/proc.js';

/** Virtual nodes n1, n2, and GPUs and cores that each says it has. */
const NODES = ['n1', 'n2'];
const GPUS = 4;
const CORES = 8;
/** What a node may be silent for before it is down, in seconds: short, and still more than a busy machine is. */
const NODE_SILENT = 10;
/** A cluster is up in a second or two; a limit for a machine on which much else runs, in milliseconds. */
const UP_WITHIN = 120_000;
const LOOK_EVERY = 100;
const PROGRAMS = ['munged', 'slurmctld', 'slurmd', 'sbatch', 'squeue', 'scancel', 'scontrol', 'sinfo'];
/** Daemons are installed where a user's PATH may not look. */
const PATH = [process.env.PATH, '/usr/sbin', '/sbin'].join(path.delimiter);

export interface Cluster {
  /** What a client has in its environment to speak to this cluster. */
  environment: { SLURM_CONF: string; PATH: string };
  /** Its folder, which holds the daemons' logs. */
  folder: string;
  /** Calls a program of Slurm, and returns what it prints. @throws if it fails */
  call(program: string, ...args: string[]): Promise<string>;
  /** Ends a node as a power cut does: its daemon and all that runs on it. */
  killNode(name: string): Promise<void>;
  /** Ends a node's daemon alone: what runs on it goes on, and nobody hears of it. */
  killDaemon(name: string): Promise<void>;
  /** Resolves when it takes jobs. */
  startNode(name: string): Promise<void>;
  /** Lets a node take no new jobs, or take them again. */
  drain(name: string): Promise<void>;
  undrain(name: string): Promise<void>;
  /** Ends the controller at once, as a crash does. */
  killController(): Promise<void>;
  /** Resolves when it answers. */
  startController(): Promise<void>;
  /** Ends all jobs, and starts a controller that knows nothing of them and gives their ids again. */
  forget(): Promise<void>;
  /** Ends everything, and removes the folder. */
  stop(): Promise<void>;
}

/**
 * Tests, each on a new cluster: what one does to it (a node that drains after its controller crashed) does not reach the next.
 * They are left out where Slurm is missing; in CI they fail then.
 */
export function describeWithSlurm(title: string, tests: (cluster: () => Cluster) => void): void {
  const folders = PATH.split(path.delimiter);
  const missing = PROGRAMS.filter((name) => !folders.some((each) => fs.existsSync(path.join(each, name))));
  const note = missing.length === 0 ? '' : `${missing.join(', ')} missing: install slurm-wlm and munge`;
  if (note !== '' && process.env.CI) throw new Error(note);
  describe.skipIf(note !== '')(note === '' ? title : `${title} (left out: ${note})`, () => {
    let cluster: Cluster | undefined;
    beforeEach(async () => {
      cluster = await startCluster();
    });
    afterEach(() => cluster?.stop());
    tests(() => cluster!);
  });
}

/** @throws with the daemons' last words if it does not come up */
async function startCluster(): Promise<Cluster> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cyclesweep-slurm-'));
  fs.chmodSync(folder, 0o755); // munged is particular about who may write above its socket
  for (const name of ['log', 'state', 'gpus', 'munge']) fs.mkdirSync(path.join(folder, name));
  writeConfiguration(folder, await freePorts(1 + NODES.length));
  const environment = { SLURM_CONF: path.join(folder, 'slurm.conf'), PATH };
  const env = { ...process.env, ...environment };
  const daemons = new Map<string, ChildProcess>();

  const start = (name: string, program: string, ...args: string[]) => {
    const log = fs.openSync(path.join(folder, 'log', `${name}.out`), 'a');
    daemons.set(name, spawn(program, args, { env, stdio: ['ignore', log, log] }));
    fs.closeSync(log);
  };
  const kill = async (name: string, signal: NodeJS.Signals = 'SIGKILL') => {
    const daemon = daemons.get(name);
    daemons.delete(name);
    if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const gone = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill(signal);
    await gone;
  };
  const call = async (program: string, ...args: string[]) =>
    (await execa(program, args, { env, timeout: 200_000 })).stdout;

  const startController = async () => {
    start('controller', 'slurmctld', '-D');
    await eventually('the controller answers', () =>
      call('scontrol', 'ping').then((said) => said.includes('is UP')),
    );
  };
  const startNode = async (name: string) => {
    start(name, 'slurmd', '-D', '-N', name);
    await eventually(`node ${name} takes jobs`, async () =>
      /^(idle|mixed)$/.test(await call('sinfo', '--noheader', `--nodes=${name}`, '--format=%T')),
    );
  };
  /** Whether a process is this cluster's, of one node or any. */
  const isOurs = (pid: number, node?: string) =>
    pid !== process.pid &&
    hasVariable(pid, `SLURM_CONF=${environment.SLURM_CONF}`) &&
    (node === undefined || hasVariable(pid, `SLURMD_NODENAME=${node}`));
  const end = (pids: number[]) => pids.forEach(endProcess);

  const cluster: Cluster = {
    environment,
    folder,
    call,
    killDaemon: (name) => kill(name),
    async killNode(name) {
      const jobs = listProcesses().filter((pid) => isOurs(pid, name));
      // What holds a job is its parent, and tells of no node.
      const holders = jobs.map(parentOf).filter((pid) => commandOf(pid) === 'slurmstepd');
      await kill(name);
      end([...holders, ...jobs]);
      await eventually(`nothing runs on ${name}`, () =>
        Promise.resolve(!listProcesses().some((pid) => isOurs(pid, name))),
      );
    },
    startNode,
    drain: async (name) =>
      void (await call('scontrol', 'update', `NodeName=${name}`, 'State=DRAIN', 'Reason=test')),
    undrain: async (name) => void (await call('scontrol', 'update', `NodeName=${name}`, 'State=RESUME')),
    killController: () => kill('controller'),
    startController,
    async forget() {
      await kill('controller');
      await Promise.all(NODES.map((name) => cluster.killNode(name)));
      for (const name of fs.readdirSync(path.join(folder, 'state')))
        fs.rmSync(path.join(folder, 'state', name), { recursive: true });
      await startController();
      await Promise.all(NODES.map(startNode));
    },
    async stop() {
      await Promise.all([...daemons.keys()].filter((name) => name !== 'munge').map((name) => kill(name)));
      end(listProcesses().filter((pid) => isOurs(pid)));
      await kill('munge', 'SIGTERM');
      fs.rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };

  try {
    const munge = path.join(folder, 'munge');
    const named = ['socket', 'pid-file', 'log-file', 'seed-file'].map((name) => `--${name}=${path.join(munge, name)}`); // prettier-ignore
    start('munge', 'munged', '--foreground', '--force', `--key-file=${path.join(munge, 'key')}`, ...named);
    await eventually('munged listens', () => Promise.resolve(fs.existsSync(path.join(munge, 'socket'))));
    await startController();
    await Promise.all(NODES.map(startNode));
    return cluster;
  } catch (error) {
    const said = lastWords(path.join(folder, 'log'));
    await cluster.stop();
    throw new Error(`The cluster did not come up (${String(error)}).\n${said}`, { cause: error });
  }
}

function writeConfiguration(folder: string, [controller = 0, ...nodes]: number[]): void {
  const at = (name: string) => path.join(folder, name);
  const me = os.userInfo().username;
  fs.writeFileSync(at('munge/key'), randomBytes(1024), { mode: 0o600 });
  // A GPU's file must be a device, or jobs are told of no GPU.
  for (let gpu = 0; gpu < GPUS; gpu++) fs.symlinkSync('/dev/null', at(`gpus/gpu${gpu}`));
  const lines = {
    ClusterName: 'test',
    SlurmctldHost: 'localhost(127.0.0.1)',
    SlurmctldPort: controller,
    SlurmUser: me,
    SlurmdUser: me,
    AuthType: 'auth/munge',
    // A job that is queued again waits until its credential has run out: two minutes by default.
    AuthInfo: `socket=${at('munge/socket')},cred_expire=5`,
    CredType: 'cred/munge',
    CommunicationParameters: 'NoInAddrAny,NoCtldInAddrAny',
    StateSaveLocation: at('state'),
    SlurmdSpoolDir: at('spool-%n'),
    SlurmctldPidFile: at('controller.pid'),
    SlurmdPidFile: at('%n.pid'),
    SlurmctldLogFile: at('log/controller.log'),
    SlurmdLogFile: at('log/%n.log'),
    // Neither systemd nor control groups.
    ProctrackType: 'proctrack/linuxproc',
    TaskPlugin: 'task/none',
    JobAcctGatherType: 'jobacct_gather/none',
    MpiDefault: 'none',
    SwitchType: 'switch/none',
    AccountingStorageType: 'accounting_storage/none',
    MaxArraySize: 5001,
    MaxJobCount: 10_000,
    SlurmctldTimeout: 10,
    SlurmdTimeout: NODE_SILENT,
    KillWait: 5,
    InactiveLimit: 0,
    ReturnToService: 2,
    JobRequeue: 1,
    SchedulerType: 'sched/backfill',
    SchedulerParameters: 'batch_sched_delay=0,sched_interval=1,bf_interval=1',
    SelectType: 'select/cons_tres',
    SelectTypeParameters: 'CR_Core',
    // Nodes have more cores than the machine.
    SlurmdParameters: 'config_overrides',
    GresTypes: 'gpu',
  };
  const machines = NODES.map(
    (name, at) =>
      `NodeName=${name} NodeHostname=localhost NodeAddr=127.0.0.1 Port=${nodes[at]} CPUs=${CORES} RealMemory=16000 Gres=gpu:${GPUS} State=UNKNOWN`,
  );
  fs.writeFileSync(
    at('slurm.conf'),
    [
      ...Object.entries(lines).map(([name, value]) => `${name}=${value}`),
      ...machines,
      'PartitionName=gpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP',
      '',
    ].join('\n'),
  );
  fs.writeFileSync(at('gres.conf'), `NodeName=${NODES.join(',')} Name=gpu File=${at('gpus/gpu')}[0-${GPUS - 1}]\n`); // prettier-ignore
  fs.writeFileSync(at('cgroup.conf'), 'CgroupAutomount=no\n');
}

/** Free just now: another program may be faster, in which case the cluster does not come up and says so. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => net.createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => resolve((server.address() as net.AddressInfo).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Waits until a condition holds; that it cannot be asked yet is no failure. */
async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const giveUp = performance.now() + UP_WITHIN;
  while (!(await holds().catch(() => false))) {
    if (performance.now() > giveUp) throw new Error(`Gave up waiting: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
  }
}

function lastWords(folder: string): string {
  return fs
    .readdirSync(folder)
    .map(
      (name) =>
        `${name}: ${fs.readFileSync(path.join(folder, name), 'utf8').trimEnd().split('\n').slice(-5).join('\n  ')}`,
    ) // prettier-ignore
    .join('\n');
}

function parentOf(pid: number): number {
  return Number(processFields(pid)?.[1] ?? 0);
}

function commandOf(pid: number): string {
  try {
    return fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has left
  }
}

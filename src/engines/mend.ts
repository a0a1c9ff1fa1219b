/** @file For an engine that does not work on a device: the one command that mends it, where there is one. */
import fs from 'node:fs';
import { hasNvidiaDevice } from '../nvidia.js';
import type { DeviceKind, EngineName } from '../protocol.js';

/** What the advice depends on; tests put another machine in its place. */
export interface Site {
  platform: NodeJS.Platform;
  /** `ID` and `ID_LIKE` of /etc/os-release, e.g. `['ubuntu', 'debian']`. */
  system: string[];
  /** Makers of the graphics cards that the bus shows, whether or not a driver serves them. */
  cards: string[];
}

export interface Trouble {
  engine: EngineName;
  kind: DeviceKind;
  /** Whether a device of the kind was found at all. */
  found: boolean;
  reason: string;
}

/** A command to type, or a sentence where no command helps; never empty. */
export function mend({ engine, kind, found, reason }: Trouble, site: Site): string {
  const named = /sweep engine install [a-z]+(?: --[a-z]+)*/.exec(reason)?.[0];
  if (named !== undefined) return `npx ${named}`; // who failed knows best
  if (/out of memory|memory is taken/i.test(reason)) return 'nvidia-smi, which shows whose jobs hold the memory of the GPU'; // prettier-ignore
  if (kind === 'cuda' && (!found || /driver/i.test(reason))) return mendDriver(reason, found, site);
  if (engine === 'tensorflow') return `npx sweep engine install tensorflow${kind === 'cpu' ? ' --cpu' : ''}`;
  if (kind === 'cuda') return 'npx sweep engine install cuda';
  if (kind === 'webgpu') return mendVulkan(site);
  return 'npm run setup';
}

/** @param found whether nvidia-smi lists a GPU */
function mendDriver(reason: string, found: boolean, { platform, system, cards }: Site): string {
  if (!found && !cards.includes('NVIDIA')) return 'nothing: it needs a GPU of NVIDIA';
  if (/hides every GPU/.test(reason)) return 'unset CUDA_VISIBLE_DEVICES';
  if (/version mismatch|not started again/i.test(reason)) return 'sudo reboot';
  if (/nvidia-smi failed/.test(reason)) return 'sudo modprobe nvidia';
  if (found && /libcuda/.test(reason))
    return 'in a container: start it with --gpus all; else install the driver anew';
  if (platform === 'linux' && system.includes('ubuntu')) return 'sudo ubuntu-drivers install';
  if (platform === 'linux' && system.includes('debian')) return 'sudo apt-get install nvidia-driver (from non-free)'; // prettier-ignore
  return 'install the current driver of NVIDIA: https://www.nvidia.com/drivers';
}

function mendVulkan({ platform, system, cards }: Site): string {
  if (platform !== 'linux') return 'install the current driver of the graphics card';
  if (cards.length > 0 && !fs.existsSync('/dev/dri') && !hasNvidiaDevice()) {
    return 'in a container: start it with --device /dev/dri (NVIDIA: --gpus all -e NVIDIA_DRIVER_CAPABILITIES=all)';
  }
  const aside = cards.length > 0 ? '' : ' (no GPU here: a software adapter, for tests)';
  if (system.includes('debian')) {
    return cards.join() === 'NVIDIA'
      ? "sudo apt-get install libvulkan1 (beside the driver's graphics libraries; in a container -e NVIDIA_DRIVER_CAPABILITIES=all)"
      : `bash scripts/ci-vulkan.sh, which installs Vulkan and Mesa 25 by apt-get${aside}`;
  }
  if (system.includes('fedora') || system.includes('rhel')) return `sudo dnf install vulkan-loader mesa-vulkan-drivers${aside}`; // prettier-ignore
  if (system.includes('arch')) return `sudo pacman -S vulkan-icd-loader vulkan-radeon vulkan-intel${aside}`;
  if (system.includes('suse')) return `sudo zypper install libvulkan1 libvulkan_radeon libvulkan_intel${aside}`; // prettier-ignore
  return `install Vulkan's loader and the Vulkan driver of the graphics card${aside}`;
}

export function thisSite(): Site {
  return { platform: process.platform, system: systemNames(), cards: graphicsCards() };
}

function systemNames(): string[] {
  const text = read('/etc/os-release') ?? '';
  return [...text.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)].flatMap(([, names = '']) => names.split(' '));
}

/** PCI's numbers of makers. */
const MAKERS: Readonly<Record<string, string>> = { '0x10de': 'NVIDIA', '0x1002': 'AMD', '0x8086': 'Intel' };

function graphicsCards(): string[] {
  const bus = '/sys/bus/pci/devices';
  const devices = fs.existsSync(bus) ? fs.readdirSync(bus) : [];
  const makers = devices.flatMap((device) => {
    const display = read(`${bus}/${device}/class`)?.startsWith('0x03') === true;
    const maker = MAKERS[read(`${bus}/${device}/vendor`) ?? ''];
    return display && maker !== undefined ? [maker] : [];
  });
  if (hasNvidiaDevice()) makers.push('NVIDIA');
  return [...new Set(makers)];
}

function read(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}

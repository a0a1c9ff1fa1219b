/** @file Preloaded into a measured process: leaves its highest resident memory and its processor time in the file that PEAK_FILE names. */
import fs from 'node:fs';

process.on('exit', () => {
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
  const content = { gb: maxRSS / 1e6, cpu: (userCPUTime + systemCPUTime) / 1e6 };
  fs.writeFileSync(process.env.PEAK_FILE, JSON.stringify(content));
});

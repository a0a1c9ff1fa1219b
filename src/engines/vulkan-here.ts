/** @file For tests: whether Mesa's software Vulkan is here, which stands in for a GPU. */
import { existsSync } from 'node:fs';

/** The driver that scripts/ci-vulkan.sh installs. */
export const SOFTWARE_VULKAN = '/usr/share/vulkan/icd.d/lvp_icd.json';

/** Whether tests that need it are to be skipped. In continuous integration a missing driver is a failure, so there they run and say so. */
export const withoutVulkan = !existsSync(SOFTWARE_VULKAN) && !process.env.CI;
if (withoutVulkan) {
  console.warn(`skipped: no ${SOFTWARE_VULKAN}; run scripts/ci-vulkan.sh to test WebGPU without a GPU`);
}
